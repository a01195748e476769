// Trait objects and enums.

use crate::numbers::{mix, Random, SIZE};

trait Shape {
    fn area(&self) -> f64;
    fn scaled(&self, factor: f64) -> Box<dyn Shape>;
}

struct Circle(f64);
struct Rectangle(f64, f64);
struct Group(Vec<Box<dyn Shape>>);

impl Shape for Circle {
    fn area(&self) -> f64 {
        3.0 * self.0 * self.0
    }
    fn scaled(&self, factor: f64) -> Box<dyn Shape> {
        Box::new(Circle(self.0 * factor))
    }
}

impl Shape for Rectangle {
    fn area(&self) -> f64 {
        self.0 * self.1
    }
    fn scaled(&self, factor: f64) -> Box<dyn Shape> {
        Box::new(Rectangle(self.0 * factor, self.1 * factor))
    }
}

impl Shape for Group {
    fn area(&self) -> f64 {
        self.0.iter().map(|shape| shape.area()).sum()
    }
    fn scaled(&self, factor: f64) -> Box<dyn Shape> {
        Box::new(Group(self.0.iter().map(|shape| shape.scaled(factor)).collect()))
    }
}

fn shape(random: &mut Random, depth: u32) -> Box<dyn Shape> {
    let size = (random.next() % 16) as f64;
    match random.next() % if depth > 3 { 2 } else { 3 } {
        0 => Box::new(Circle(size)),
        1 => Box::new(Rectangle(size, size + 1.0)),
        _ => Box::new(Group((0..size as u32).map(|_| shape(random, depth + 1)).collect())),
    }
}

pub fn areas(seed: u64) -> u64 {
    let mut random = Random::new(seed + 3);
    (0..SIZE / 40).fold(0, |sum, _| mix(sum, shape(&mut random, 0).scaled(2.0).area() as u64))
}
