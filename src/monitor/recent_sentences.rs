//! Latest sentences of the history, for clients that follow a command.

use std::collections::VecDeque;

use crate::text::Time;

/// Number of sentences kept.
const MAX_RECENT_SENTENCES: usize = 16;

/// Latest sentences, numbered. The numbers keep growing from one monitor to the next.
pub(super) struct RecentSentences {
    /// Number of the next sentence.
    pub(super) next: u64,
    sentences: VecDeque<String>,
}

impl RecentSentences {
    pub(super) fn new(now: Time) -> Self {
        Self { next: now.as_millis(), sentences: VecDeque::new() }
    }

    pub(super) fn push_sentence(&mut self, sentence: &str) {
        if self.sentences.len() == MAX_RECENT_SENTENCES {
            self.sentences.pop_front();
        }
        self.sentences.push_back(sentence.to_owned());
        self.next += 1;
    }

    /// Returns the sentences from this number on, as far as they are kept.
    pub(super) fn sentences_since(&self, number: u64) -> Vec<String> {
        let wanted = usize::try_from(self.next.saturating_sub(number)).unwrap_or(MAX_RECENT_SENTENCES);
        let skipped = self.sentences.len().saturating_sub(wanted);
        self.sentences.iter().skip(skipped).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_each_sentence_once_and_the_oldest_are_dropped() {
        let mut said = RecentSentences::new(Time::from_millis(1000));
        let begun = said.next;
        said.push_sentence("one");
        said.push_sentence("two");
        assert_eq!(said.sentences_since(begun), ["one", "two"]);
        assert_eq!(said.sentences_since(begun + 1), ["two"]);
        assert_eq!(said.sentences_since(said.next), [""; 0]);
        assert_eq!(said.sentences_since(u64::MAX), [""; 0]);
        for number in 0..100 {
            said.push_sentence(&number.to_string());
        }
        assert_eq!(said.sentences_since(0).len(), MAX_RECENT_SENTENCES);
        assert_eq!(said.sentences_since(said.next - 1), ["99"]);
        // A later monitor starts at a higher number, so that a client misses none of its sentences.
        assert_eq!(RecentSentences::new(Time::from_millis(2000)).sentences_since(said.next), [""; 0]);
    }
}
