//! A [`Need`] as something that searches: the whole formula over one document, its rarest part over many.

use std::sync::{Mutex, PoisonError};

use aho_corasick::packed::Searcher;
use memchr::memmem::Finder;

use super::escapes::Escapes;
use super::need::{Need, Piece};

/// How many pieces are searched for together: what the vector algorithm takes (an automaton would be ten times slower).
const TOGETHER: usize = 48;

/// With more pieces than this a document is parsed as fast as it is searched for all of them.
const MOST_PIECES: usize = 64;

/// With more pieces than this a text is parsed as fast as it is searched for all of them.
const MOST_SOUGHT: usize = 4 * TOGETHER;

/// How much of a text is looked at to see what is rare in it.
const SAMPLE: usize = 64 * 1024;

/// Behind so many times the sample the text may have become another one, and is looked at again.
const LOOK_AGAIN: usize = 1024;

/// What the bytes of every wanted document hold, ready to be searched for.
#[derive(Debug)]
pub(crate) struct Sieve {
    pieces: Vec<Finder<'static>>,
    formula: Node,
    escapes: Escapes,
    looked: Mutex<Looked>,
}

/// What was last found to be rare.
#[derive(Debug, Default)]
struct Looked {
    rarest: Vec<usize>,
    /// How much text may still be searched for it.
    left: usize,
}

/// A formula over pieces by index.
#[derive(Debug)]
enum Node {
    Piece(usize),
    All(Vec<Node>),
    Any(Vec<Node>),
}

impl Sieve {
    /// The sieve for a formula; none where nothing is known of the documents.
    pub(crate) fn try_new(need: &Need) -> Option<Self> {
        let need = need.within(MOST_SOUGHT);
        let pieces = need.pieces();
        let formula = Node::of(&need, &pieces)?;
        let escapes = Escapes::of(pieces.iter().map(|piece| piece.bytes()));
        let pieces = pieces.iter().map(|piece| Finder::new(piece.bytes()).into_owned()).collect();
        Some(Self { pieces, formula, escapes, looked: Mutex::default() })
    }

    /// Whether a document may be wanted.
    pub(crate) fn may_hold(&self, document: &[u8]) -> bool {
        self.holds(document) || self.escapes.find(document, 0).is_some()
    }

    /// Whether the formula holds of a document, apart from escapes.
    pub(crate) fn holds(&self, document: &[u8]) -> bool {
        // Of a part that was found, no other part is worth the search where there are very many.
        self.pieces.len() > MOST_PIECES || self.formula.holds(&self.pieces, document)
    }

    /// The place of the first escape at or behind `from` that could spell a part of the formula.
    pub(crate) fn escape(&self, text: &[u8], from: usize) -> Option<usize> {
        self.escapes.find(text, from)
    }

    /// The pieces that are best searched for in the next text: every wanted document holds one of them. What holds of
    /// one text holds of those behind it for a while, be they of the same file or not.
    pub(crate) fn sought(&self, text: &[u8]) -> Vec<usize> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.left < text.len() {
            let sample = text.get(..SAMPLE).unwrap_or(text);
            *looked = Looked { rarest: self.rarest(sample), left: sample.len() * LOOK_AGAIN };
        }
        looked.left = looked.left.saturating_sub(text.len());
        looked.rarest.clone()
    }

    /// The pieces that are best searched for in text like this sample.
    fn rarest(&self, sample: &[u8]) -> Vec<usize> {
        let hits: Vec<u64> = self.pieces.iter().map(|piece| lines_with(piece, sample)).collect();
        let mut pieces = self.formula.best(&hits, &|sought| (sought.lines, sought.pieces.len() as u64)).pieces;
        if pieces.len() > MOST_SOUGHT {
            pieces = self.formula.best(&hits, &|sought| (sought.pieces.len() as u64, sought.lines)).pieces;
        }
        pieces.sort_unstable();
        pieces.dedup();
        pieces
    }

    /// What searches for these pieces.
    pub(crate) fn scout(&self, pieces: &[usize]) -> Scout {
        let mut texts = pieces.iter().filter_map(|at| self.pieces.get(*at)).map(Finder::needle);
        if pieces.len() == 1 {
            return texts.next().map_or(Scout::Every, |text| Scout::One(Box::new(Finder::new(text).into_owned())));
        }
        let texts: Vec<_> = texts.collect();
        let groups: Option<Vec<_>> = texts.chunks(TOGETHER).map(Searcher::new).collect();
        groups.map_or(Scout::Every, |groups| {
            Scout::Several(groups.into_iter().map(|searcher| Group { searcher, next: None }).collect())
        })
    }
}

/// How many lines of a text hold a piece.
fn lines_with(piece: &Finder<'_>, text: &[u8]) -> u64 {
    let (mut rest, mut lines) = (text, 0);
    while let Some(found) = piece.find(rest) {
        lines += 1;
        rest = rest.get(found..).unwrap_or(&[]);
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        rest = rest.get(end..).unwrap_or(&[]);
    }
    lines
}

/// Pieces of which every wanted document holds one, and in how many lines of a sample they are.
struct Sought {
    pieces: Vec<usize>,
    lines: u64,
}

impl Node {
    fn of(need: &Need, pieces: &[&Piece]) -> Option<Self> {
        let each = |needs: &[Need]| needs.iter().map(|need| Self::of(need, pieces)).collect::<Option<Vec<_>>>();
        match need {
            Need::Nothing => None,
            Need::Piece(piece) => pieces.binary_search(&piece).ok().map(Self::Piece),
            Need::All(needs) => each(needs).map(Self::All),
            Need::Any(needs) => each(needs).map(Self::Any),
        }
    }

    fn holds(&self, pieces: &[Finder<'static>], document: &[u8]) -> bool {
        match self {
            Self::Piece(at) => pieces.get(*at).is_none_or(|piece| piece.find(document).is_some()),
            Self::All(nodes) => nodes.iter().all(|node| node.holds(pieces, document)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(pieces, document)),
        }
    }

    /// The pieces to search for whose cost is the least.
    fn best(&self, hits: &[u64], cost: &dyn Fn(&Sought) -> (u64, u64)) -> Sought {
        match self {
            Self::Piece(at) => Sought { pieces: vec![*at], lines: hits.get(*at).copied().unwrap_or(0) },
            Self::All(nodes) => {
                let each = nodes.iter().map(|node| node.best(hits, cost));
                each.min_by_key(cost).unwrap_or(Sought { pieces: vec![], lines: 0 })
            }
            Self::Any(nodes) => {
                let mut all = Sought { pieces: vec![], lines: 0 };
                for sought in nodes.iter().map(|node| node.best(hits, cost)) {
                    all.lines += sought.lines;
                    all.pieces.extend(sought.pieces);
                }
                all
            }
        }
    }
}

/// Finds places that may lie in a wanted line: every such line has one.
#[derive(Debug)]
pub(crate) enum Scout {
    /// By one piece.
    One(Box<Finder<'static>>),
    /// By any of several pieces.
    Several(Vec<Group>),
    /// Every place is one.
    Every,
}

/// Pieces that are searched for together, and the place at which they come next, if that is known.
#[derive(Debug)]
pub(crate) struct Group {
    searcher: Searcher,
    next: Option<usize>,
}

impl Scout {
    /// The first such place at or behind `from`; the end of the text where there is none.
    pub(crate) fn find(&mut self, text: &[u8], from: usize) -> usize {
        let rest = text.get(from..).unwrap_or(&[]);
        match self {
            Self::One(piece) => piece.find(rest).map_or(text.len(), |at| from + at),
            Self::Several(groups) => {
                let mut first = text.len();
                for group in groups {
                    let next = match group.next {
                        Some(next) if next >= from => next,
                        _ => group.searcher.find(rest).map_or(text.len(), |found| from + found.start()),
                    };
                    group.next = Some(next);
                    first = first.min(next);
                }
                first
            }
            Self::Every => from,
        }
    }

    /// Forgets places: the text is another one.
    pub(crate) fn renew(&mut self) {
        if let Self::Several(groups) = self {
            for group in groups {
                group.next = None;
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use crate::lake::ndjson::sieve::need::Ends;

    fn piece(text: &str) -> Need {
        Need::value(text, Ends::NEITHER)
    }

    fn sieve() -> Sieve {
        let need =
            Need::all([piece("common"), Need::any([piece("rare"), Need::all([piece("other"), piece("third")])])]);
        Sieve::try_new(&need).unwrap()
    }

    #[test]
    fn the_formula_decides() {
        let sieve = sieve();
        assert!(sieve.holds(b"common rare") && sieve.holds(b"third other common"));
        assert!(!sieve.holds(b"rare third other") && !sieve.holds(b"common third") && !sieve.holds(b"common"));
        assert!(sieve.may_hold(br"common r\u0061re") && !sieve.may_hold(br"common r\u003cre"));
        assert!(Sieve::try_new(&Need::Nothing).is_none());
    }

    #[test]
    fn the_rarest_part_is_sought() {
        let sieve = sieve();
        let sought = |sample: &str, text: &str| sieve.scout(&sieve.rarest(sample.as_bytes())).find(text.as_bytes(), 0);
        let sample = "common rare\ncommon rare\ncommon\nthird\n";
        assert_eq!(sought(sample, "common third rare other"), 13, "`rare` or `other`");
        let sample = "common\nrare third\nrare third\n";
        assert_eq!(sought(sample, "other rare common"), 11, "only `common`");
    }

    #[test]
    fn what_is_rare_is_looked_up_once_in_a_while() {
        let sieve = sieve();
        let (first, other) = ("common rare\ncommon\n", "third common other rare\nrare other third\n");
        let rare = sieve.sought(first.as_bytes());
        assert_eq!(rare.len(), 2, "`rare` or `other`");
        assert_eq!(sieve.sought(other.as_bytes()), rare, "a small text behind the first is searched as the first was");
        let long = other.repeat(first.len() * LOOK_AGAIN / other.len() + 1);
        assert_eq!(sieve.sought(long.as_bytes()).len(), 1, "only `common` in a text behind which more was searched");
    }

    #[test]
    fn many_pieces_are_found_in_order() {
        let need = Need::any((0..100).map(|n| piece(&format!("<{n}>"))));
        let sieve = Sieve::try_new(&need).unwrap();
        let mut scout = sieve.scout(&sieve.rarest(b""));
        let text = b"<99> <0> <300> <50>";
        let mut found = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let next = scout.find(text, at);
            found.push(next);
            at = next + 1;
        }
        assert_eq!(found, [0, 5, 15, 19]);
        scout.renew();
        assert_eq!(scout.find(b"  <7>", 1), 2);
        let need = Need::any((0..1000).map(|n| piece(&format!("<{n}>"))));
        assert!(Sieve::try_new(&need).is_none(), "a text is parsed as fast");
    }

    #[test]
    fn rather_few_pieces_than_rare_ones_where_those_are_too_many() {
        let rule = |n| Need::all([piece("common"), Need::any((0..9).map(|m| piece(&format!("<{n}.{m}>"))))]);
        let sought = |rules| Sieve::try_new(&Need::any((0..rules).map(rule))).unwrap().sought(b"common\n").len();
        assert_eq!((sought(20), sought(30)), (180, 1));
    }
}
