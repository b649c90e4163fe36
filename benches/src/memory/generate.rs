//! The bulk of the labelled set: memories that nobody asks for, made of `bulk.txt`, always the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use homelab_core::clock::Micros;

use super::set::Told;

/// What they are made of.
const PARTS: &str = include_str!("../../data/memory/bulk.txt");
/// How many there are with the ones written by hand.
const ALL: usize = 2_000;
/// First moment at which one was told: 2025-01-01T00:00:00Z.
const FIRST: i64 = 1_735_689_600;
/// Last moment of those that age well: 2026-09-30T00:00:00Z.
const LAST: i64 = 1_790_726_400;
/// States are young: a state that has expired distracts nobody.
const STATES_FROM: i64 = LAST - 10 * 24 * 3_600;

/// Numbers without an end, the same on every machine: `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of so many, from 0.
    fn below(&mut self, many: usize) -> usize {
        let many = u64::try_from(many.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % many).unwrap_or_default()
    }

    fn between(&mut self, first: i64, last: i64) -> i64 {
        let span = usize::try_from(last - first).unwrap_or_default();
        first + i64::try_from(self.below(span + 1)).unwrap_or_default()
    }
}

/// `bulk.txt`, read.
struct Parts<'a> {
    slots: BTreeMap<&'a str, Vec<&'a str>>,
    /// Category and text.
    templates: Vec<(&'a str, &'a str)>,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> anyhow::Result<Self> {
        let mut parts = Self {
            slots: BTreeMap::new(),
            templates: Vec::new(),
        };
        for line in text.lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(slot) = line.strip_prefix('@') {
                let (name, choices) = slot.split_once(" = ").context("a slot's choices")?;
                parts.slots.insert(name, choices.split(", ").collect());
            } else {
                parts
                    .templates
                    .push(line.split_once(": ").context("a template's category")?);
            }
        }
        Ok(parts)
    }

    /// The template with all its slots filled; a slot that occurs twice is filled twice.
    fn fill(&self, template: &str, dice: &mut Dice) -> anyhow::Result<String> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, slot)) = rest.split_once('{') {
            text.push_str(before);
            let (name, after) = slot.split_once('}').context("a slot's end")?;
            let choices = self.slots.get(name).context("a slot that there is")?;
            roll(choices[dice.below(choices.len())], dice, &mut text)?;
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
}

/// Writes a choice: `#8-20` in it is a number of that range, `#x20-4f` one in hexadecimal.
fn roll(choice: &str, dice: &mut Dice, text: &mut String) -> anyhow::Result<()> {
    let mut rest = choice;
    while let Some((before, range)) = rest.split_once('#') {
        text.push_str(before);
        let hexadecimal = range.starts_with('x');
        let range = range.trim_start_matches('x');
        let (first, after) = range.split_once('-').context("a range")?;
        let end = after
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(after.len());
        let (last, after) = after.split_at(end);
        let radix = if hexadecimal { 16 } else { 10 };
        let number = dice.between(
            i64::from_str_radix(first, radix)?,
            i64::from_str_radix(last, radix)?,
        );
        if hexadecimal {
            write!(text, "{number:02x}")?;
        } else {
            write!(text, "{number}")?;
        }
        rest = after;
    }
    text.push_str(rest);
    Ok(())
}

/// Any number of texts in the manner of the bulk, each another, for measuring speed.
pub(crate) struct Texts {
    parts: Parts<'static>,
    dice: Dice,
    count: u64,
}

impl Texts {
    /// From the first.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            parts: Parts::read(PARTS)?,
            dice: Dice(7),
            count: 0,
        })
    }

    /// The next one, with its category.
    pub(crate) fn next(&mut self) -> anyhow::Result<(&'static str, String)> {
        let (category, template) =
            self.parts.templates[self.dice.below(self.parts.templates.len())];
        self.count += 1;
        let text = self.parts.fill(template, &mut self.dice)?;
        Ok((category, format!("{text} Note {}.", self.count)))
    }
}

/// As many as are missing beside `by_hand`, each text once.
pub(crate) fn bulk(by_hand: usize) -> anyhow::Result<Vec<Told>> {
    let parts = Parts::read(PARTS)?;
    let mut dice = Dice(2_026);
    let mut seen = BTreeSet::new();
    let mut bulk = Vec::new();
    while bulk.len() < ALL - by_hand {
        let (category, template) = parts.templates[dice.below(parts.templates.len())];
        let text = parts.fill(template, &mut dice)?;
        if !seen.insert(text.clone()) {
            continue;
        }
        let first = if category == "state" {
            STATES_FROM
        } else {
            FIRST
        };
        let (owner, user_id) = if dice.below(10) < 6 {
            ("north", "home")
        } else {
            ("south", "workshop")
        };
        bulk.push(Told {
            id: format!("b{:04}", bulk.len() + 1),
            owner: owner.to_owned(),
            user_id: user_id.to_owned(),
            agent_id: ["claude", "n8n", "opencode"][dice.below(3)].to_owned(),
            category: category.to_owned(),
            at: Micros(dice.between(first, LAST) * 1_000_000),
            text,
            supersedes: None,
        });
    }
    Ok(bulk)
}

/// Prints them as JSON lines: what `data/memory/bulk.jsonl` holds.
pub(crate) fn print(by_hand: usize) -> anyhow::Result<()> {
    for told in bulk(by_hand)? {
        ensure!(!told.text.contains(['{', '}', '#']), "{}", told.text);
        crate::say(&serde_json::to_string(&told)?)?;
    }
    Ok(())
}
