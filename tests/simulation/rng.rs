//! SplitMix64 generator: the same seed gives the same world on every machine and with every compiler.

#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number in `low..high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    /// True with this many chances in a thousand.
    pub fn chance(&mut self, in_a_thousand: u64) -> bool {
        self.next() % 1000 < in_a_thousand
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.range(0, from.len() as u64) as usize]
    }

    /// Returns a number between `low` and `high`, with each order of magnitude equally likely.
    pub fn log_range(&mut self, low: u64, high: u64) -> u64 {
        let spread = (high as f64 / low as f64).ln();
        let fraction = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        (low as f64 * (spread * fraction).exp()) as u64
    }
}
