//! Suggestion of a known name for a mistyped one.

/// Maximum number of compared characters, which limits the cost of a hostile name.
const MAX_COMPARED_CHARS: usize = 40;

/// Returns the known name closest to `name`; `None` if all differ too much.
pub fn suggest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed: Vec<char> = name.to_lowercase().replace('-', "_").chars().take(MAX_COMPARED_CHARS).collect();
    let allowed = (typed.len() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (edit_distance(&typed, &candidate.replace('-', "_")), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns the optimal string alignment distance: the number of insertions, deletions, replacements and swaps of
/// neighbours.
fn edit_distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, &from) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        for (col, &to) in b.iter().enumerate() {
            let replaced = last[col] + usize::from(from != to);
            let mut best = replaced.min(last[col + 1] + 1).min(current[col] + 1);
            if row > 0 && col > 0 && from == b[col - 1] && a[row - 1] == to {
                best = best.min(before_last[col - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_that_was_meant() {
        let known = ["upstreams", "probe", "promote", "demote", "retry_interval"];
        let cases = [
            ("upstream", Some("upstreams")),
            ("Probe", Some("probe")),
            ("promte", Some("promote")),
            ("dmeote", Some("demote")),
            ("retry-interval", Some("retry_interval")),
            ("retryInterval", Some("retry_interval")),
            ("notify", None),
            ("", None),
            ("x", None),
        ];
        for (typed, meant) in cases {
            assert_eq!(suggest_name(typed, known), meant, "{typed}");
        }
    }

    #[test]
    fn a_long_name_costs_little() {
        assert_eq!(suggest_name(&"é".repeat(1_000_000), ["probe"]), None);
    }
}
