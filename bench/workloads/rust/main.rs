// A Rust program: hashing, sorting, text, trait objects and matrices. Prints a
// checksum of each part.

mod numbers;
mod shapes;
mod words;

fn main() {
    let rounds = if std::env::args().count() > 1 { 1 } else { 150 };
    for (name, part) in PARTS {
        let sum = (0..rounds).fold(0u64, |sum, round| numbers::mix(sum, part(round)));
        println!("{name} {sum:016x}");
    }
}

type Part = fn(u64) -> u64;

const PARTS: [(&str, Part); 6] = [
    ("sorting", numbers::sorting),
    ("matrices", numbers::matrices),
    ("primes", numbers::primes),
    ("shapes", shapes::areas),
    ("counting", words::counting),
    ("searching", words::searching),
];
