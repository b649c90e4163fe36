//! Finding operations by words.

use super::book::Row;
use super::model::Verb;
use super::path;

/// The rows that fit, the best first. Without a word, all of them in the order of their paths.
pub(crate) fn search<'a>(
    rows: impl Iterator<Item = &'a Row>,
    query: &str,
    method: Option<Verb>,
) -> Vec<&'a Row> {
    let of_method = |row: &&Row| method.is_none_or(|method| row.method == method);
    let rows = rows.filter(of_method);
    let mut words = words(query);
    words.dedup();
    if words.is_empty() {
        let mut rows: Vec<&Row> = rows.collect();
        rows.sort_by(|a, b| (&a.path, a.method).cmp(&(&b.path, b.method)));
        return rows;
    }
    let scored: Vec<(Vec<u32>, &Row)> = rows
        .map(|row| {
            let text = Text::of(row);
            let hits = words.iter().map(|word| text.hit(word)).collect();
            (hits, row)
        })
        .filter(|(hits, _): &(Vec<u32>, _)| hits.iter().any(|hit| *hit > 0))
        .collect();
    // A word that few operations have says more than one that most have.
    let weights: Vec<u32> = (0..words.len())
        .map(|word| {
            let having = scored
                .iter()
                .filter(|(hits, _)| hits.get(word).is_some_and(|hit| *hit > 0))
                .count();
            let rarity = (scored.len() + 1) / (having + 1);
            1 + rarity.checked_ilog2().unwrap_or(0)
        })
        .collect();
    let mut ranked: Vec<(u32, usize, &Row)> = scored
        .into_iter()
        .map(|(hits, row)| {
            let found = hits.iter().filter(|hit| **hit > 0).count();
            let sum: u32 = hits.iter().zip(&weights).map(|(hit, of)| hit * of).sum();
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            (sum * found, path::segments(&row.path).count(), row)
        })
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    ranked.into_iter().map(|(_, _, row)| row).collect()
}

/// Lower-case words, without a plural's end.
fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| stem(&word.to_lowercase()).to_owned())
        .collect()
}

fn stem(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 2 && !stem.ends_with('s') && !stem.ends_with('u') => stem,
        _ => word,
    }
}

struct Text {
    method: String,
    path: Vec<String>,
    variables: Vec<String>,
    summary: Vec<String>,
}

impl Text {
    fn of(row: &Row) -> Self {
        let (mut path, mut variables) = (Vec::new(), Vec::new());
        for segment in path::segments(&row.path) {
            match path::named(segment) {
                Some(name) => variables.extend(words(name)),
                None => path.extend(words(segment)),
            }
        }
        variables.extend(row.choices.iter().flat_map(|choice| words(choice)));
        Self {
            method: row.method.as_str().to_lowercase(),
            path,
            variables,
            summary: words(&row.summary),
        }
    }

    /// How well it has a word.
    fn hit(&self, word: &str) -> u32 {
        let whole = |words: &[String]| words.iter().any(|one| one == word);
        let begins =
            |words: &[String]| word.len() > 2 && words.iter().any(|one| one.starts_with(word));
        match () {
            () if whole(&self.path) => 8,
            () if whole(&self.summary) => 5,
            () if self.method == word => 4,
            () if begins(&self.path) => 4,
            () if whole(&self.variables) => 3,
            () if begins(&self.variables) => 2,
            () if begins(&self.summary) => 2,
            () => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |method, path: &str, summary: &str| Row::of(method, path, summary);
        vec![
            row(Verb::Get, "/cluster/firewall/rules", "List rules."),
            row(Verb::Post, "/cluster/firewall/rules", "Create new rule."),
            row(Verb::Get, "/cluster/status", "Get cluster status."),
            row(
                Verb::Get,
                "/nodes/{node}/qemu/{vmid}/firewall/rules",
                "List rules.",
            ),
            row(Verb::Get, "/nodes/{node}/dns", "Read DNS settings."),
            row(Verb::Put, "/nodes/{node}/dns", "Write DNS settings."),
        ]
    }

    fn found(query: &str, method: Option<Verb>) -> Vec<String> {
        let rows = rows();
        search(rows.iter(), query, method)
            .into_iter()
            .map(|row| format!("{} {}", row.method, row.path))
            .collect()
    }

    #[test]
    fn the_best_is_first_and_the_shorter_path_of_equals() {
        let lines = found("cluster firewall rule", None);
        assert_eq!(lines[0], "GET /cluster/firewall/rules");
        assert_eq!(found("put dns", None)[0], "PUT /nodes/{node}/dns");
        assert_eq!(
            found("firewalls of a vmid", Some(Verb::Get))[0],
            "GET /nodes/{node}/qemu/{vmid}/firewall/rules"
        );
    }

    #[test]
    fn an_operation_is_found_by_what_its_path_may_be() {
        let mut rows = rows();
        rows[3].choices = vec!["http_ratelimit".to_owned(), "http_log".to_owned()];

        let found = search(rows.iter(), "rate limits", None);

        assert_eq!(found[0].path, "/nodes/{node}/qemu/{vmid}/firewall/rules");
    }

    #[test]
    fn without_words_everything_is_listed_and_with_strange_ones_nothing() {
        assert_eq!(found("", None).len(), 6);
        assert_eq!(found(" - ", Some(Verb::Put)), ["PUT /nodes/{node}/dns"]);
        assert_eq!(found("zebra", None), [""; 0]);
    }
}
