// Strings, maps and iterators.

use crate::numbers::{mix, Random, SIZE};
use std::collections::{BTreeMap, HashMap};

fn text(seed: u64) -> String {
    let mut random = Random::new(seed + 4);
    let word = |number: u64| -> String {
        (0..2 + number % 6).map(|i| (b'a' + ((number >> (3 * i)) % 20) as u8) as char).collect()
    };
    let words: Vec<String> = (0..SIZE / 4).map(|_| word(random.next() % 3000)).collect();
    words.join(" ")
}

pub fn counting(seed: u64) -> u64 {
    let text = text(seed);
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_insert(0) += 1;
    }
    let mut by_count: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (word, count) in counts {
        by_count.entry(count).or_default().push(word);
    }
    by_count.iter().fold(0, |sum, (count, words)| {
        let letters: usize = words.iter().map(|word| word.len()).sum();
        mix(sum, count * letters as u64)
    })
}

pub fn searching(seed: u64) -> u64 {
    let text = text(seed);
    let upper: String = text.chars().rev().filter(|c| *c != 'e').flat_map(char::to_uppercase).collect();
    ["abc", "the", "qq", "s t", "NO"].iter().fold(upper.len() as u64, |sum, pattern| {
        let (found, at) = (upper.matches(pattern).count(), text.find(pattern).unwrap_or(0));
        mix(sum, (found + at) as u64)
    })
}
