// Arithmetic, and what all parts share.

/// How much work each part does.
pub const SIZE: u64 = 40_000;

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[inline]
pub fn mix(sum: u64, value: u64) -> u64 {
    (sum ^ value).wrapping_mul(0x100_0000_01b3).rotate_left(7)
}

pub fn sorting(seed: u64) -> u64 {
    let mut random = Random::new(seed + 1);
    let mut numbers: Vec<u64> = (0..SIZE).map(|_| random.next() % 100_000).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut pairs: Vec<(u64, String)> =
        numbers.iter().take(5_000).map(|n| (n % 97, n.to_string())).collect();
    pairs.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    pairs.iter().fold(numbers.len() as u64, |sum, (n, text)| mix(sum, n + text.len() as u64))
}

pub fn matrices(seed: u64) -> u64 {
    const N: usize = 96;
    let mut random = Random::new(seed + 2);
    let mut fill = || -> Vec<f64> { (0..N * N).map(|_| (random.next() % 64) as f64).collect() };
    let (a, b) = (fill(), fill());
    let mut product = vec![0.0; N * N];
    for i in 0..N {
        for k in 0..N {
            for j in 0..N {
                product[i * N + j] += a[i * N + k] * b[k * N + j];
            }
        }
    }
    product.iter().fold(0, |sum, &value| mix(sum, value as u64))
}

pub fn primes(seed: u64) -> u64 {
    let limit = SIZE as usize * 4 + seed as usize;
    let mut is_composite = vec![false; limit];
    let mut sum = 0;
    for i in 2..limit {
        if !is_composite[i] {
            sum = mix(sum, i as u64);
            (i * i..limit).step_by(i).for_each(|multiple| is_composite[multiple] = true);
        }
    }
    sum
}
