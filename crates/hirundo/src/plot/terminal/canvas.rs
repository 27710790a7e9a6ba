//! A grid of terminal cells, each of two by four braille dots, or of one letter.

/// A dot's place: column and row, from the top left.
type Place = (usize, usize);

/// Distance in columns of the letters set into lines that no colour tells apart.
const LETTER_DISTANCE: usize = 14;
/// The bits of braille dots by row and column within the cell (Unicode, U+2800 and following).
const BRAILLE_BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// What one cell shows.
#[derive(Clone, Copy, Default)]
struct Cell {
    bits: u8,
    series: usize,
    /// Whether a 7-day mean goes through it.
    strong: bool,
}

/// How series are told apart.
pub(super) struct Ink<'a> {
    /// Colours of the series in the 256-colour table, used in turn.
    pub(super) colours: &'a [u8],
    /// Whether to use them.
    pub(super) colour: bool,
    /// Whether to set letters into the lines.
    pub(super) letters: bool,
}

/// The letter of a series.
pub(super) fn letter(series: usize) -> char {
    u8::try_from(series % 26).map_or('?', |number| char::from(b'A' + number))
}

/// The grid.
pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    braille: bool,
    cells: Vec<Cell>,
    /// Columns of days that were not observed.
    veiled: Vec<bool>,
}

impl Canvas {
    pub(super) fn new(columns: usize, rows: usize, braille: bool) -> Canvas {
        let cells = vec![Cell::default(); columns * rows];
        Canvas {
            columns,
            rows,
            braille,
            cells,
            veiled: vec![false; columns],
        }
    }

    /// How many dots wide and high.
    pub(super) fn dots(&self) -> (usize, usize) {
        if self.braille {
            (self.columns * 2, self.rows * 4)
        } else {
            (self.columns, self.rows)
        }
    }

    /// Marks a column as not observed; it shows where nothing is drawn.
    pub(super) fn veil(&mut self, column: usize) {
        if let Some(veiled) = self.veiled.get_mut(column) {
            *veiled = true;
        }
    }

    /// Sets a dot. The cell belongs to the first series that put a daily value there, or to the last mean.
    pub(super) fn dot(&mut self, (x, y): Place, series: usize, strong: bool) {
        let (column, row, bit) = if self.braille {
            (x / 2, y / 4, BRAILLE_BITS[y % 4][x % 2])
        } else {
            (x, y, 1)
        };
        if column >= self.columns {
            return;
        }
        if let Some(cell) = self.cells.get_mut(row * self.columns + column) {
            if strong || cell.bits == 0 {
                cell.series = series;
            }
            cell.strong |= strong;
            cell.bits |= bit;
        }
    }

    /// A straight line of the mean (after Bresenham), both ends included.
    pub(super) fn line(&mut self, from: Place, to: Place, series: usize) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |start: usize, end: usize, step: usize| (start * (steps - step) + end * step + steps / 2) / steps;
        for step in 0..=steps {
            self.dot((between(from.0, to.0, step), between(from.1, to.1, step)), series, true);
        }
    }

    /// The rows as text.
    pub(super) fn lines(&self, ink: &Ink<'_>) -> Vec<String> {
        let empty: Vec<bool> = (0..self.columns)
            .map(|column| (0..self.rows).all(|row| self.cells.get(row * self.columns + column).is_none_or(|cell| cell.bits == 0)))
            .collect();
        let veiled = |column: usize| self.veiled.get(column) == Some(&true) && empty.get(column) == Some(&true);
        self.cells
            .chunks(self.columns.max(1))
            .map(|row| {
                let mut line = String::new();
                let mut style = String::new();
                for (column, cell) in row.iter().enumerate() {
                    let wanted = self.style(cell, veiled(column), ink);
                    if wanted != style {
                        line.push_str(if style.is_empty() { "" } else { "\u{1b}[0m" });
                        line.push_str(&wanted);
                        style = wanted;
                    }
                    line.push(self.character(cell, column, veiled(column), ink));
                }
                line.push_str(if style.is_empty() { "" } else { "\u{1b}[0m" });
                line
            })
            .collect()
    }

    fn style(&self, cell: &Cell, veiled: bool, ink: &Ink<'_>) -> String {
        if !ink.colour || ink.colours.is_empty() {
            return String::new();
        }
        if cell.bits == 0 {
            return if veiled { "\u{1b}[2m".to_owned() } else { String::new() };
        }
        let colour = ink.colours[cell.series % ink.colours.len()];
        if cell.strong {
            format!("\u{1b}[1;38;5;{colour}m")
        } else {
            format!("\u{1b}[38;5;{colour}m")
        }
    }

    fn character(&self, cell: &Cell, column: usize, veiled: bool, ink: &Ink<'_>) -> char {
        if cell.bits == 0 {
            return match (veiled, self.braille) {
                (false, _) => ' ',
                (true, true) => '░',
                (true, false) => ':',
            };
        }
        if !self.braille {
            return match (cell.strong, ink.letters) {
                (false, _) => '.',
                (true, true) => letter(cell.series),
                (true, false) => '*',
            };
        }
        // Each series has its letters at other columns, so that they do not all meet where the lines do.
        if ink.letters && cell.strong && (column + 3 * cell.series) % LETTER_DISTANCE == LETTER_DISTANCE / 2 {
            return letter(cell.series);
        }
        char::from_u32(0x2800 + u32::from(cell.bits)).unwrap_or(' ')
    }
}
