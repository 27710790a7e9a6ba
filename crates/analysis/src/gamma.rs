//! Noise of daily counts as a shifted gamma distribution: seeded draws and tails, for what noise alone would do.

/// Distribution of a day's count with a given mean, variance and skewness (Pearson's type III).
pub(crate) struct Noise {
    shape: f64,
    scale: f64,
    shift: f64,
}

impl Noise {
    /// Mean `level`, variance `dispersion` times that, and skewness, all above nought.
    pub(crate) fn new(level: f64, dispersion: f64, skewness: f64) -> Noise {
        let deviation = (dispersion * level).sqrt();
        let shape = 4.0 / (skewness * skewness);
        let scale = deviation * skewness / 2.0;
        Noise {
            shape,
            scale,
            shift: level - shape * scale,
        }
    }

    /// A day's count.
    pub(crate) fn draw(&self, dice: &mut Dice) -> f64 {
        (self.shift + self.scale * dice.gamma(self.shape)).max(0.0)
    }

    /// Chance of a day's count to lie above `count`.
    pub(crate) fn above(&self, count: f64) -> f64 {
        above(self.shape, (count - self.shift) / self.scale)
    }
}

/// Skewness of a negative binomial distribution, (2 φ − 1) / √(φ μ), which is Poisson's 1 / √μ at φ = 1; counts more
/// regular than that are taken to be less skew.
pub(crate) fn skewness(level: f64, dispersion: f64) -> f64 {
    (2.0 * dispersion - 1.0).max(dispersion) / (dispersion * level).sqrt()
}

/// Seeded generator (SplitMix64); numbers only for estimates, not for secrets.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(kind: [i32; 3]) -> Dice {
        let mix = |seed: u64, part: i32| {
            (seed ^ u64::from(part.cast_unsigned()))
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(29)
        };
        Dice(kind.into_iter().fold(0x5DEE_CE66_D1CE_4E5B, mix))
    }

    /// Uniform above 0 and up to 1.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        ((bits >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A draw with this shape and scale 1 (Marsaglia and Tsang, ACM TOMS 26(3), 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = self.uniform().powf(shape.max(1e-3).recip());
            return self.gamma(shape.max(1e-3) + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = (9.0 * d).sqrt().recip();
        // Nine draws in ten are taken at once; the bound is never reached in practice.
        for _ in 0..100 {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
        d
    }
}

/// Chance of a gamma variable of this shape and scale 1 to lie above `x`.
fn above(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if shape > 1e4 {
        // Wilson and Hilferty: the cube root is normal.
        let z = ((x / shape).cbrt() - (1.0 - 1.0 / (9.0 * shape))) * (9.0 * shape).sqrt();
        return normal_above(z);
    }
    let factor = (shape * x.ln() - x - ln_gamma(shape)).exp();
    if x < shape + 1.0 {
        (1.0 - factor * series(shape, x)).clamp(0.0, 1.0)
    } else {
        (factor * fraction(shape, x)).clamp(0.0, 1.0)
    }
}

/// Most terms of a series or fraction: they converge within about the square root of the shape.
const TERMS_MAX: usize = 2000;

fn series(shape: f64, x: f64) -> f64 {
    let mut term = shape.recip();
    let mut sum = term;
    let mut next = shape;
    for _ in 0..TERMS_MAX {
        next += 1.0;
        term *= x / next;
        sum += term;
        if term < sum * 1e-15 {
            break;
        }
    }
    sum
}

/// Continued fraction of the upper incomplete gamma function, by the modified method of Lentz.
fn fraction(shape: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - shape;
    let mut c = TINY.recip();
    let mut d = b.recip();
    let mut value = d;
    for nth in 1..=TERMS_MAX {
        let nth = nth as f64;
        let a = -nth * (nth - shape);
        b += 2.0;
        d = a * d + b;
        d = if d.abs() < TINY { TINY } else { d }.recip();
        c = b + a / c;
        c = if c.abs() < TINY { TINY } else { c };
        value *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// Natural logarithm of the gamma function of a positive number, by Stirling's series.
fn ln_gamma(x: f64) -> f64 {
    // The series is good to 1e-12 from 10 on; below, the recurrence leads there.
    let (mut shift, mut x) = (0.0, x.max(1e-6));
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = x.recip();
    let square = inverse * inverse;
    let tail = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + tail - shift
}

/// Chance of a standard normal variable to lie above `z`.
pub(crate) fn normal_above(z: f64) -> f64 {
    // Half the tail of chi-squared with one degree of freedom.
    let half = 0.5 * above(0.5, z * z / 2.0);
    if z >= 0.0 { half } else { 1.0 - half }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        // Shape 1 is exponential; shape n + 1/2 belongs to chi-squared.
        for (shape, x, expected) in [
            (1.0, 1.0, (-1.0f64).exp()),
            (1.0, 30.0, (-30.0f64).exp()),
            (0.5, 1.96 * 1.96 / 2.0, 0.049_995_79),
            (5.0, 9.153_52, 0.05),
            (100.0, 127.0, 0.005_835_3),
        ] {
            let found = above(shape, x);
            assert!((found / expected - 1.0).abs() < 0.02, "{shape} {x}: {found} not {expected}");
        }
        // Three deviations above the mean: the normal 0.001350 and what the skewness of 2 / √20,000 adds (Edgeworth).
        assert!((above(20_000.0, 20_000.0 + 3.0 * 20_000.0f64.sqrt()) / 0.001_434 - 1.0).abs() < 0.01);
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-10);
    }

    #[test]
    fn draws_have_the_mean_and_variance_of_their_shape() {
        for shape in [0.3, 1.0, 7.0, 300.0] {
            let mut dice = Dice::new([1, 2, 3]);
            let draws: Vec<f64> = (0..40_000).map(|_| dice.gamma(shape)).collect();
            let mean = draws.iter().sum::<f64>() / 40_000.0;
            let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 40_000.0;
            assert!((mean / shape - 1.0).abs() < 0.03, "{shape}: mean {mean}");
            assert!((variance / shape - 1.0).abs() < 0.08, "{shape}: variance {variance}");
        }
    }
}
