//! Random numbers that stay the same: SplitMix64 and choice by weight, in whole numbers only.

/// SplitMix64 by Steele, Lea and Flood: 64 bits of state, every seed as good as another.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    #[cfg(test)]
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for each `stream` of a seed.
    pub(super) const fn stream(seed: u64, stream: u64) -> Self {
        Self(mix(seed.wrapping_add(mix(stream.wrapping_add(0x5851_F42D_4C95_7F2D)))))
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `limit`, which must not be 0.
    pub(super) const fn below(&mut self, limit: u64) -> u64 {
        ((self.next() as u128 * limit as u128) >> 64) as u64
    }

    /// A place in a slice of `len` elements.
    pub(super) const fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Whether something happens that happens `times` in 10,000.
    pub(super) const fn chance(&mut self, times: u64) -> bool {
        self.below(10_000) < times
    }

    /// One of `choices`, or the default of the type where there is none.
    pub(super) fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        choices.get(self.index(choices.len())).copied().unwrap_or_default()
    }
}

/// The output function of SplitMix64: a hash of 64 bits.
pub(super) const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Choice by weight in constant time (Walker's alias method, built as Vose does).
#[derive(Debug, Clone)]
pub(super) struct Weighted {
    /// Of each place: the share of 2^32 that it keeps, and who gets the rest.
    places: Vec<(u32, u32)>,
}

impl Weighted {
    /// Zipf's law: the place at `rank` weighs 1 / (rank + `flat`).
    pub(super) fn zipf(len: usize, flat: u64) -> Self {
        let weights: Vec<_> = (0..len as u64).map(|rank| (1 << 40) / (rank + flat.max(1))).collect();
        Self::new(&weights)
    }

    pub(super) fn new(weights: &[u64]) -> Self {
        let len = weights.len() as u128;
        let total: u128 = weights.iter().map(|&weight| u128::from(weight)).sum::<u128>().max(1);
        // A place of average weight has `total`.
        let mut left: Vec<u128> = weights.iter().map(|&weight| u128::from(weight) * len).collect();
        let (mut small, mut large): (Vec<_>, Vec<_>) = (0..left.len()).partition(|&at| left[at] < total);
        let mut places: Vec<(u32, u32)> = (0..left.len()).map(|at| (u32::MAX, at as u32)).collect();
        while let (Some(&poor), Some(&rich)) = (small.last(), large.last()) {
            small.pop();
            places[poor] = (((left[poor] << 32) / total) as u32, rich as u32);
            left[rich] -= total - left[poor];
            if left[rich] < total {
                large.pop();
                small.push(rich);
            }
        }
        Self { places }
    }

    /// A place, by its weight.
    pub(super) fn pick(&self, rng: &mut Rng) -> usize {
        let draw = rng.next();
        let place = (((draw >> 32) * self.places.len() as u64) >> 32) as usize;
        match self.places.get(place) {
            Some(&(kept, other)) if draw as u32 > kept => other as usize,
            _ => place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_numbers() {
        let mut rng = Rng::new(1_234_567);
        let found = [(); 5].map(|()| rng.next());
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(found, expected);
        assert_eq!(Rng::new(0).next(), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn weights_come_out() {
        let weighted = Weighted::new(&[6, 0, 3, 1]);
        let mut rng = Rng::new(1);
        let mut counts = [0_u32; 4];
        for _ in 0..100_000 {
            counts[weighted.pick(&mut rng)] += 1;
        }
        assert_eq!(counts[1], 0, "{counts:?}");
        for (found, expected) in counts.into_iter().zip([60_000, 0, 30_000, 10_000]) {
            assert!(u32::abs_diff(found, expected) < 800, "{counts:?}");
        }
        let zipf = Weighted::zipf(1_000, 1);
        let first = (0..10_000).filter(|_| zipf.pick(&mut rng) == 0).count();
        assert!((1_200..1_480).contains(&first), "a thousandth harmonic number is 7.49, found {first}");
    }
}
