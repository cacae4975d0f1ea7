//! A [`Need`] as something that searches: the whole formula over one document, its rarest part over many.

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

/// What the bytes of every wanted document hold, ready to be searched for.
#[derive(Debug)]
pub(crate) struct Sieve {
    pieces: Vec<Finder<'static>>,
    formula: Node,
    escapes: Escapes,
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
        let pieces = need.pieces();
        let formula = Node::of(need, &pieces)?;
        let escapes = Escapes::of(pieces.iter().map(|piece| piece.bytes()));
        let pieces = pieces.iter().map(|piece| Finder::new(piece.bytes()).into_owned()).collect();
        Some(Self { pieces, formula, escapes })
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

    /// The pieces that are best searched for in text like this sample: every wanted document holds one of them.
    pub(crate) fn rarest(&self, sample: &[u8]) -> Vec<usize> {
        let hits: Vec<u64> = self.pieces.iter().map(|piece| lines_with(piece, sample)).collect();
        let Sought { mut pieces, .. } = self.formula.rarest(&hits);
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
        if pieces.len() > MOST_SOUGHT {
            return Scout::Every;
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

    /// The cheapest pieces to search for: those in few lines, and few of them.
    fn rarest(&self, hits: &[u64]) -> Sought {
        match self {
            Self::Piece(at) => Sought { pieces: vec![*at], lines: hits.get(*at).copied().unwrap_or(0) },
            Self::All(nodes) => {
                let each = nodes.iter().map(|node| node.rarest(hits));
                each.min_by_key(|sought| (sought.lines, sought.pieces.len()))
                    .unwrap_or(Sought { pieces: vec![], lines: 0 })
            }
            Self::Any(nodes) => {
                let mut all = Sought { pieces: vec![], lines: 0 };
                for sought in nodes.iter().map(|node| node.rarest(hits)) {
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
        let sieve = Sieve::try_new(&need).unwrap();
        assert!(matches!(sieve.scout(&sieve.rarest(b"")), Scout::Every));
    }
}
