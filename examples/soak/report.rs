//! What a soak has seen.

use std::collections::BTreeMap;

use crate::draw::Source;
use crate::outcome::{Failure, Outcome};
use crate::shrink::shrunk;

#[derive(Debug, Default)]
pub struct Report {
    cases: u64,
    passed: u64,
    seconds: f64,
    slowest: (f64, u64),
    /// Typed errors, by variant.
    refused: BTreeMap<&'static str, Refused>,
    /// By number, so that the order of threads does not matter.
    failed: BTreeMap<u64, Failure>,
}

#[derive(Debug, Default)]
struct Refused {
    count: u64,
    /// The first of them.
    example: Option<(u64, String)>,
}

impl Report {
    pub fn add(&mut self, index: u64, outcome: Outcome, seconds: f64) {
        self.cases += 1;
        self.seconds += seconds;
        if seconds > self.slowest.0 {
            self.slowest = (seconds, index);
        }
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Refused(variant, text) => {
                let refused = self.refused.entry(variant).or_default();
                refused.count += 1;
                if refused.example.as_ref().is_none_or(|first| index < first.0) {
                    refused.example = Some((index, text));
                }
            }
            Outcome::Failed(failure) => {
                self.failed.insert(index, failure);
            }
        }
    }

    /// Cases that passed, that were refused with typed errors, and that failed.
    pub fn counts(&self) -> [u64; 3] {
        let failed = self.failed.len() as u64;
        [self.passed, self.cases - self.passed - failed, failed]
    }

    pub fn failed(&self) -> usize {
        self.failed.len()
    }

    /// Failures by kind, each with the numbers of its cases.
    fn kinds(&self) -> BTreeMap<&'static str, Vec<u64>> {
        let mut kinds: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
        for (index, failure) in &self.failed {
            kinds.entry(failure.kind).or_default().push(*index);
        }
        kinds
    }

    /// The first failures of each kind as programs, made as small as they get.
    pub fn failures(&self, source: &Source, show: usize, limit: Option<f64>) -> String {
        let mut text = String::new();
        for (kind, cases) in self.kinds() {
            for index in cases.iter().take(show) {
                let case = source.case(*index);
                let (case, failure) = shrunk(&case, &self.failed[index], limit);
                text.push_str(&format!("{kind}: case {index}, shrunk\n"));
                for line in failure.detail.lines() {
                    text.push_str(&format!("// {line}\n"));
                }
                text.push_str(&format!("{case}\n\n"));
            }
        }
        text
    }

    pub fn print(&self, source: &Source, show: usize, limit: Option<f64>) {
        print!("{}", self.failures(source, show, limit));
        let mean = 1e3 * self.seconds / self.cases.max(1) as f64;
        let [passed, refused, failed] = self.counts();
        println!(
            "seed {}: {} cases, {passed} passed, {refused} refused, {failed} failed; {mean:.2} ms a case, the slowest {:.2} s (case {})",
            source.seed, self.cases, self.slowest.0, self.slowest.1
        );
        for (variant, refused) in &self.refused {
            let example = refused.example.as_ref();
            let (index, text) = example.map_or((0, ""), |(index, text)| (*index, text));
            println!(
                "{:8} refused: {variant} (case {index}: {text})",
                refused.count
            );
        }
        for (kind, cases) in self.kinds() {
            let mut activations: BTreeMap<String, usize> = BTreeMap::new();
            for index in &cases {
                for activation in source.case(*index).activations() {
                    let name = activation.split('(').next().unwrap_or_default();
                    *activations.entry(name.to_owned()).or_default() += 1;
                }
            }
            let mut activations: Vec<(String, usize)> = activations.into_iter().collect();
            activations.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let list: Vec<String> = activations
                .iter()
                .take(8)
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            println!(
                "{:8} failed: not so: {kind} (cases {:?}{}; {})",
                cases.len(),
                &cases[..cases.len().min(5)],
                if cases.len() > 5 { " …" } else { "" },
                list.join(", ")
            );
        }
    }
}
