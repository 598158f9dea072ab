//! The table: what each case costs, by how much that is more than of its base, and how sure that is.

use crate::Measured;

/// Prints it, in microseconds.
pub fn print(all: &[Measured]) {
    println!("| policy | µs a request | more than without it | middle half of the rounds |");
    println!("| --- | --- | --- | --- |");
    for one in all {
        let [_, own, _] = quarters(&one.own);
        let Some(base) = one.base else {
            println!("| {} | {own:.2} | – | – |", one.name);
            continue;
        };
        let [low, more, high] = quarters(&one.more);
        let resolution = resolution(all, base);
        let said = if one.is_control {
            format!("resolution ± {resolution:.2}")
        } else if more.abs() <= resolution {
            format!("below ± {resolution:.2}")
        } else {
            format!("{more:+.2}")
        };
        println!(
            "| {} | {own:.2} | {said} | {low:+.2} to {high:+.2} |",
            one.name
        );
    }
}

/// How far the base differs from itself, in the middle half of the rounds: less than that is not
/// seen.
fn resolution(all: &[Measured], base: usize) -> f64 {
    let mut controls = all.iter().filter(|one| one.is_control);
    let control = controls.find(|one| one.base == Some(base)).unwrap();
    let [low, _, high] = quarters(&control.more);
    // What is written has two digits.
    low.abs().max(high.abs()).max(0.01)
}

/// Where the first quarter, the half and the third quarter of the rounds end. From nanoseconds.
fn quarters(rounds: &[f64]) -> [f64; 3] {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| rounds[(rounds.len() - 1) * quarter / 4] / 1000.0)
}
