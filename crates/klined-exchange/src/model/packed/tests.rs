//! A packed step against the definition: in states and with words of all kinds, and on the borders of every choice.

use super::*;
use crate::book::{LEVELS_MAX, Shape};
use crate::event::Side;
use crate::model::{Dynamics, Parameters, Simple};
use proptest::prelude::*;

fn simple() -> Simple {
    Simple::new(Parameters::default())
}

/// A book whose levels have these depths.
fn book(depths: &[u32], spread_ticks: i32) -> Book {
    let levels = depths.len() / 2;
    let mut book: Book = Book::open(10_000, Shape::new(levels as u32, spread_ticks as u32, 5));
    for (ladder, depths) in book.sides.iter_mut().zip(depths.chunks(levels)) {
        ladder.depths = [0; LEVELS_MAX];
        ladder.depths[..levels].copy_from_slice(depths);
        ladder.depths[0] += 1;
        ladder.sum = ladder.depths.iter().sum();
    }
    book
}

/// The step, how many draws it took, and all that is known of the book after it.
type Outcome = (u64, u64, EventType, i32, usize, Vec<(i32, u32)>, [u32; 2]);

fn outcome(step: Step, taken: usize, book: &Book) -> Outcome {
    let levels = [Side::Bid, Side::Ask].into_iter().flat_map(|side| book.levels(side));
    let levels = levels.map(|level| (level.price_ticks, level.depth)).collect();
    let sums = book.sides.each_ref().map(|ladder| ladder.sum);
    (step.word, step.total.to_bits(), step.event_type, step.price_ticks, taken, levels, sums)
}

fn by_definition(simple: &Simple, mut book: Book, words: [u64; 4]) -> Outcome {
    let mut draws = Draws::starting_with(words);
    let step = simple.step(&mut book, &mut draws);
    outcome(step, draws.taken(), &book)
}

fn packed(simple: &Simple, mut book: Book, words: [u64; 4]) -> Option<Outcome> {
    let packed = simple.packed.as_ref()?;
    let (mut sides, form) = Sides::of(&book)?;
    let guide = &packed.guides[book.shape().levels() - 1];
    let (step, taken) = packed.step(&mut sides, form, guide, words)?;
    sides.put_into(&mut book);
    Some(outcome(step, taken, &book))
}

/// Words around the one that a part of a whole falls on: some so near that only the definition can decide, some not.
fn words_near(part: f64) -> impl Iterator<Item = u64> {
    let word = (part * 2f64.powi(64)) as u64;
    [0, 1, 300, 1 << 11, 1 << 14, 1 << 18, 1 << 30, 1 << 50]
        .into_iter()
        .flat_map(move |far| [word.wrapping_add(far), word.wrapping_sub(far)])
}

proptest! {
    #[test]
    fn a_packed_step_is_that_of_the_definition_or_left_to_it(
        depths in (1usize..=8).prop_flat_map(|levels| proptest::collection::vec(0u32..24, 2 * levels)),
        spread_ticks in 1i32..=9,
        words: [u64; 4],
    ) {
        let (simple, book) = (simple(), book(&depths, spread_ticks));
        let found = packed(&simple, book.clone(), words);
        let fits = book.shape().levels() <= LEVELS && book.sides.iter().all(|ladder| ladder.sum <= UNITS);
        prop_assert_eq!(found.is_some(), fits && spread_ticks <= SPREADS as i32);
        prop_assert!(found.is_none_or(|found| found == by_definition(&simple, book, words)));
    }

    #[test]
    fn no_border_is_decided_otherwise_than_by_the_definition(
        depths in (1usize..=7).prop_flat_map(|levels| proptest::collection::vec(0u32..12, 2 * levels)),
        spread_ticks in 1i32..=4,
        word: u64,
    ) {
        let (simple, book) = (simple(), book(&depths, spread_ticks));
        let rates = simple.rates(&book);
        let total: f64 = rates.iter().sum();
        let types = (1..6).map(|kind| rates[..kind].iter().sum::<f64>() / total);
        let units = (0..book.sides[0].sum).map(|unit| f64::from(unit) / f64::from(book.sides[0].sum));
        let by_type = types.flat_map(words_near).map(|near| [word, near, word, word]);
        let by_unit = units.flat_map(words_near).map(|near| [word, (0.45 * 2f64.powi(64)) as u64, near, near]);
        let by_level = [0.5, 0.393_469_340_287_366_6].into_iter().flat_map(words_near).map(|near| [word, word, near, near]);
        for words in by_type.chain(by_unit).chain(by_level) {
            let found = packed(&simple, book.clone(), words);
            prop_assert!(found.is_none_or(|found| found == by_definition(&simple, book.clone(), words)));
        }
    }
}

#[test]
fn a_choice_on_a_border_is_left_to_the_definition() {
    let (simple, book) = (simple(), book(&[4, 5, 5, 5, 5, 4, 5, 5, 5, 5], 2));
    // All adds are 40 of 80 events a second.
    assert_eq!(simple.rates(&book), [20.0, 20.0, 12.5, 12.5, 7.5, 7.5]);
    let (border, other) = (1 << 63, 1 << 40);
    assert_eq!(packed(&simple, book.clone(), [other, border, other, other]), None);
    assert!(packed(&simple, book, [other, border + (1 << 22), other, other]).is_some());
}

#[test]
fn parameters_that_whole_numbers_cannot_stand_for_have_no_packed_form() {
    let without = |parameters| Simple::new(parameters).packed.is_none();
    assert!(without(Parameters { base_cancel: 0.0, ..Parameters::default() }));
    assert!(without(Parameters { base_cancel: 1e-10, ..Parameters::default() }));
    assert!(!without(Parameters::default()));
}

#[test]
fn a_batch_is_that_of_the_definition_with_all_kinds_of_parameters() {
    let default = Parameters::default();
    let parameters = [
        default,
        Parameters { base_market: 40.0, execution_floor: 1.0, ..default },
        Parameters { base_cancel: 1.5, cancel_sensitivity: 2.0, ..default },
        Parameters { spread_sensitivity: 0.0, ..default },
        // Rates of so many magnitudes that most of them round to nothing.
        Parameters { spread_sensitivity: 30.0, ..default },
        Parameters { base_limit: 60.0, base_cancel: 0.2, ..default },
        Parameters { base_limit: 0.0, imbalance_sensitivity: 3.0, ..default },
    ];
    for (seed, (parameters, levels)) in
        parameters.into_iter().flat_map(|parameters| (1..=8).map(move |levels| (parameters, levels))).enumerate()
    {
        let simple = Simple::new(parameters);
        let shape = Shape::new(levels, 3, 1 + seed as u32 % 11);
        let mut books: [Book; 2] = [Book::open(10_000, shape), Book::open(10_000, shape)];
        let (mut draws, mut steps) = ([Draws::new(seed as u64), Draws::new(seed as u64)], Steps::new());
        for _ in 0..40 {
            simple.walk(&mut books[0], &mut draws[0], &mut steps, 200);
            for nth in 0..200 {
                let Step { word, total, event_type, price_ticks } = simple.step(&mut books[1], &mut draws[1]);
                let found = (steps.words[nth], steps.totals[nth].to_bits(), steps.types[nth], steps.prices[nth]);
                assert_eq!(found, (word, total.to_bits(), event_type, price_ticks), "{parameters:?}, {levels} levels");
                assert_eq!(steps.quotes[nth], books[1].quote());
            }
        }
    }
}
