//! Numbers to dictionary codes: which distinct values a row group holds, each coded in order of appearance.

/// Codes of 16-bit values, by a table of all of them: a look-up is one load.
pub struct CodeBook {
    code_plus_one: Vec<u32>,
    values: Vec<u16>,
}

impl Default for CodeBook {
    fn default() -> Self {
        CodeBook {
            code_plus_one: vec![0; 1 << 16],
            values: Vec::new(),
        }
    }
}

impl CodeBook {
    /// Code of `value`, a new one if need be.
    #[inline(always)]
    pub fn code(&mut self, value: u16) -> u16 {
        let slot = &mut self.code_plus_one[usize::from(value)];
        if *slot == 0 {
            self.values.push(value);
            *slot = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        }
        ((*slot - 1) & 0xffff) as u16
    }

    /// The distinct values, in order of their codes.
    #[must_use]
    pub fn values(&self) -> &[u16] {
        &self.values
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        for &value in &self.values {
            self.code_plus_one[usize::from(value)] = 0;
        }
        self.values.clear();
    }
}

/// One dictionary-coded column of a row group in the making.
#[derive(Default)]
pub struct Coded {
    /// The dictionary.
    pub book: CodeBook,
    /// Codes of the rows that have a value.
    pub codes: Vec<u16>,
    /// Which rows have one.
    pub validity: crate::hybrid::Validity,
}

impl Coded {
    /// Starts a new row group.
    pub fn clear(&mut self) {
        self.book.clear();
        self.codes.clear();
        self.validity.clear();
    }

    /// Adds one row.
    #[inline(always)]
    pub fn push(&mut self, value: Option<u16>) {
        self.validity.push(value.is_some(), 1);
        if let Some(value) = value {
            let code = self.book.code(value);
            self.codes.push(code);
        }
    }

    /// Adds a block of rows; `valid` is asked first, and a block that agrees costs one run.
    #[inline(always)]
    pub fn extend<T: Copy>(&mut self, block: &[T], valid: impl Fn(&T) -> bool, value: impl Fn(&T) -> u16) {
        let count = block.iter().filter(|row| valid(row)).count();
        let rows = u32::try_from(block.len()).unwrap_or(u32::MAX);
        if count == block.len() {
            self.validity.push(true, rows);
            self.codes.extend(block.iter().map(|row| self.book.code(value(row))));
        } else if count == 0 {
            self.validity.push(false, rows);
        } else {
            for row in block {
                self.push(valid(row).then(|| value(row)));
            }
        }
    }
}

/// One column of plain numbers of a row group in the making.
#[derive(Default)]
pub struct Dense<T> {
    /// Values of the rows that have one.
    pub values: Vec<T>,
    /// Which rows have one.
    pub validity: crate::hybrid::Validity,
}

impl<V> Dense<V> {
    /// Starts a new row group.
    pub fn clear(&mut self) {
        self.values.clear();
        self.validity.clear();
    }

    /// Adds one row.
    #[inline(always)]
    pub fn push(&mut self, value: Option<V>) {
        self.validity.push(value.is_some(), 1);
        self.values.extend(value);
    }

    /// Adds a block of rows, see [`Coded::extend`].
    #[inline(always)]
    pub fn extend<T: Copy>(&mut self, block: &[T], valid: impl Fn(&T) -> bool, value: impl Fn(&T) -> V) {
        let count = block.iter().filter(|row| valid(row)).count();
        let rows = u32::try_from(block.len()).unwrap_or(u32::MAX);
        if count == block.len() {
            self.validity.push(true, rows);
            self.values.extend(block.iter().map(value));
        } else if count == 0 {
            self.validity.push(false, rows);
        } else {
            for row in block {
                self.push(valid(row).then(|| value(row)));
            }
        }
    }
}
