//! Random queries: typed expressions over a few fields, in a pipeline of a few commands.

use super::random::Random;

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Long,
    Double,
    Boolean,
    Ip,
    Date,
}

const TYPES: [Type; 6] = [Type::Text, Type::Long, Type::Double, Type::Boolean, Type::Ip, Type::Date];

/// The columns that a query has at some place.
struct Writer<'r> {
    random: &'r mut Random,
    columns: Vec<(String, Type)>,
    counter: usize,
    /// Whether a command was met behind which nothing searches the source.
    grouped: bool,
}

/// The text of a query.
pub(crate) fn query(random: &mut Random) -> String {
    let columns = [
        ("user.name", Type::Text),
        ("process.name", Type::Text),
        ("process.args", Type::Text),
        ("labels.one", Type::Text),
        ("labels.two", Type::Text),
        ("destination.port", Type::Long),
        ("process.pid", Type::Long),
        ("host.cpu.usage", Type::Double),
        ("process.interactive", Type::Boolean),
        ("source.ip", Type::Ip),
        ("host.ip", Type::Ip),
        ("@timestamp", Type::Date),
        ("event.created", Type::Date),
    ];
    let columns = columns.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect();
    let mut writer = Writer { random, columns, counter: 0, grouped: false };
    let mut text = "FROM logs METADATA _id".to_owned();
    for _ in 0..=1 + writer.random.below(4) {
        text.push_str("\n| ");
        let command = writer.command();
        text.push_str(&command);
    }
    text
}

impl Writer<'_> {
    fn command(&mut self) -> String {
        match self.random.below(20) {
            0..=5 => format!("WHERE {}", self.condition(3)),
            6..=11 => self.eval(),
            12..=14 => self.stats("STATS"),
            15 => self.stats("INLINE STATS"),
            16 => {
                let name = self.random.pick(&self.columns).0.clone();
                self.grouped = true;
                format!("MV_EXPAND {name}")
            }
            17 => {
                let (name, _) = self.random.pick(&self.columns).clone();
                let order = *self.random.pick(&["", " DESC", " ASC NULLS FIRST", " DESC NULLS LAST"]);
                format!("SORT {name}{order}")
            }
            18 if self.columns.len() > 4 => {
                let at = self.random.below(self.columns.len());
                let (name, _) = self.columns.remove(at);
                format!("DROP {name}")
            }
            _ => {
                let at = self.random.below(self.columns.len());
                let new = self.name();
                let old = std::mem::replace(&mut self.columns[at].0, new.clone());
                format!("RENAME {old} AS {new}")
            }
        }
    }

    fn name(&mut self) -> String {
        self.counter += 1;
        format!("c{}", self.counter)
    }

    fn eval(&mut self) -> String {
        let mut parts = Vec::new();
        for _ in 0..=self.random.below(3) {
            let ty = *self.random.pick(&TYPES);
            let value = self.expr(ty, 3);
            let name = self.name();
            parts.push(format!("{name} = {value}"));
            self.columns.push((name, ty));
        }
        format!("EVAL {}", parts.join(", "))
    }

    fn stats(&mut self, word: &str) -> String {
        let mut made = Vec::new();
        let mut parts = Vec::new();
        for _ in 0..=self.random.below(3) {
            let (call, ty) = self.aggregate();
            let filter = if self.random.percent(25) { format!(" WHERE {}", self.condition(1)) } else { String::new() };
            let name = self.name();
            parts.push(format!("{name} = {call}{filter}"));
            made.push((name, ty));
        }
        let mut keys = Vec::new();
        for _ in 0..self.random.below(3) {
            if self.random.percent(70) {
                let (name, ty) = self.random.pick(&self.columns).clone();
                if keys.iter().all(|(other, _, _)| *other != name) {
                    keys.push((name.clone(), ty, name));
                }
            } else {
                let ty = *self.random.pick(&[Type::Text, Type::Long, Type::Boolean]);
                let value = self.expr(ty, 2);
                let name = self.name();
                keys.push((name.clone(), ty, format!("{name} = {value}")));
            }
        }
        self.grouped = true;
        let by: Vec<String> = keys.iter().map(|(_, _, text)| text.clone()).collect();
        made.extend(keys.into_iter().map(|(name, ty, _)| (name, ty)));
        if word == "STATS" {
            self.columns = made;
        } else {
            let names: Vec<String> = made.iter().map(|(name, _)| name.clone()).collect();
            self.columns.retain(|(name, _)| !names.contains(name));
            self.columns.extend(made);
        }
        let by = if by.is_empty() { String::new() } else { format!(" BY {}", by.join(", ")) };
        format!("{word} {}{by}", parts.join(", "))
    }

    fn aggregate(&mut self) -> (String, Type) {
        let ty = *self.random.pick(&TYPES);
        let value = self.expr(ty, 1);
        match self.random.below(8) {
            0 => ("COUNT(*)".to_owned(), Type::Long),
            1 => (format!("COUNT({value})"), Type::Long),
            2 => (format!("COUNT_DISTINCT({value})"), Type::Long),
            3 => (format!("VALUES({value})"), ty),
            4 => (format!("MIN({value})"), ty),
            5 => (format!("MAX({value})"), ty),
            6 => (format!("SUM({})", self.expr(Type::Long, 1)), Type::Long),
            _ => (format!("AVG({})", self.expr(Type::Double, 1)), Type::Double),
        }
    }

    /// A column of a type, a literal where there is none.
    fn leaf(&mut self, ty: Type) -> String {
        let of_type: Vec<String> =
            self.columns.iter().filter(|(_, t)| *t == ty).map(|(name, _)| name.clone()).collect();
        if !of_type.is_empty() && self.random.percent(85) {
            return self.random.pick(&of_type).clone();
        }
        self.literal(ty)
    }

    fn literal(&mut self, ty: Type) -> String {
        let of: &[&str] = match ty {
            Type::Text => &["\"alpha\"", "\"beta\"", "\"Gamma d\"", "\"\"", "\"\"\"a*b?c\\d\"\"\""],
            Type::Long => &["0", "1", "7", "443", "70000", "-3"],
            Type::Double => &["0.0", "0.5", "12.5", "-1.25"],
            Type::Boolean => &["true", "false"],
            Type::Ip => &["\"10.1.2.3\"::ip", "TO_IP(\"2001:db8::1\")", "\"::1\"::ip"],
            Type::Date => &["NOW()", "\"2026-09-21T14:30:00.000Z\"::datetime"],
        };
        (*self.random.pick(of)).to_owned()
    }

    fn expr(&mut self, ty: Type, depth: usize) -> String {
        if depth == 0 || self.random.percent(25) {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        if self.random.percent(15) {
            return match self.random.below(4) {
                0 => format!("COALESCE({}, {})", self.expr(ty, depth), self.expr(ty, depth)),
                1 => format!("CASE({}, {}, {})", self.condition(depth), self.expr(ty, depth), self.expr(ty, depth)),
                2 => format!("CASE({}, {})", self.condition(depth), self.expr(ty, depth)),
                _ => {
                    let function = *self.random.pick(&["MV_FIRST", "MV_LAST", "MV_MIN", "MV_MAX", "MV_DEDUPE"]);
                    format!("{function}({})", self.expr(ty, depth))
                }
            };
        }
        match ty {
            Type::Text => self.text(depth),
            Type::Long => self.long(depth),
            Type::Double => match self.random.below(4) {
                0 => format!("TO_DOUBLE({})", self.expr(Type::Long, depth)),
                1 => format!("ROUND({}, 2)", self.expr(Type::Double, depth)),
                _ => {
                    let op = *self.random.pick(&["+", "-", "*", "/"]);
                    let other = if self.random.percent(50) { Type::Long } else { Type::Double };
                    format!("({} {op} {})", self.expr(Type::Double, depth), self.expr(other, depth))
                }
            },
            Type::Boolean => format!("({})", self.condition(depth)),
            Type::Ip => self.leaf(Type::Ip),
            Type::Date => match self.random.below(3) {
                0 => format!(
                    "DATE_TRUNC({}, {})",
                    self.random.pick(&["1 hour", "5 minutes", "1 day"]),
                    self.expr(ty, depth)
                ),
                1 => format!("({} - 90 minutes)", self.expr(ty, depth)),
                _ => self.leaf(ty),
            },
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let one = |writer: &mut Self| writer.expr(Type::Text, depth);
        match self.random.below(12) {
            0 => format!("TO_LOWER({})", one(self)),
            1 => format!("TO_UPPER({})", one(self)),
            2 => format!("CONCAT({}, \"-\", {})", one(self), one(self)),
            3 => {
                let pattern = *self.random.pick(&["[ae]+", "(?i)A(l|m)", "x*", "\\\\s", "^b|d$", "(.)(a)"]);
                let with = *self.random.pick(&["", "<$0>", "_"]);
                format!("REPLACE({}, \"{pattern}\", \"{with}\")", one(self))
            }
            4 => format!("MV_CONCAT({}, \",\")", one(self)),
            5 => format!("TO_STRING({})", self.expr(Type::Long, depth)),
            6 => format!("TO_STRING({})", self.leaf(Type::Ip)),
            7 => format!("{}::STRING", self.leaf(Type::Boolean)),
            8 => format!("SPLIT({}, \"a\")", one(self)),
            9 => format!("SUBSTRING({}, {}, 3)", one(self), self.random.pick(&["1", "2", "-2"])),
            10 => format!("URL_DECODE({})", one(self)),
            _ => format!("MV_SLICE({}, {}, 2)", one(self), self.random.below(2)),
        }
    }

    fn long(&mut self, depth: usize) -> String {
        match self.random.below(7) {
            0 => format!("LENGTH({})", self.expr(Type::Text, depth)),
            1 => format!("MV_COUNT({})", self.expr(Type::Text, depth)),
            2 => format!("DATE_DIFF(\"minutes\", {}, {})", self.expr(Type::Date, depth), self.expr(Type::Date, depth)),
            3 => format!("LOCATE({}, \"a\")", self.expr(Type::Text, depth)),
            4 => format!("MV_SUM({})", self.leaf(Type::Long)),
            _ => {
                let op = *self.random.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {op} {})", self.expr(Type::Long, depth), self.expr(Type::Long, depth))
            }
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth > 0 && self.random.percent(45) {
            let depth = depth - 1;
            return match self.random.below(5) {
                0 | 1 => format!("({} AND {})", self.condition(depth), self.condition(depth)),
                2 | 3 => format!("({} OR {})", self.condition(depth), self.condition(depth)),
                _ => format!("NOT ({})", self.condition(depth)),
            };
        }
        let depth = depth.saturating_sub(1);
        let not = if self.random.percent(30) { "NOT " } else { "" };
        match self.random.below(12) {
            0..=2 => {
                let ty = *self.random.pick(&[Type::Text, Type::Long, Type::Double, Type::Ip, Type::Date]);
                let op = *self.random.pick(&["==", "!=", "<", "<=", ">", ">="]);
                format!("{} {op} {}", self.expr(ty, depth), self.expr(ty, depth))
            }
            3 => {
                let ty = *self.random.pick(&[Type::Text, Type::Long, Type::Ip]);
                format!("{} {not}IN ({}, {})", self.expr(ty, depth), self.literal(ty), self.literal(ty))
            }
            4 => {
                let pattern = *self.random.pick(&["a*", "*a", "*a*", "?eta", "*", "alpha", "Gamma*d", "\\\\*"]);
                format!("{} {not}LIKE \"{pattern}\"", self.expr(Type::Text, depth))
            }
            5 => format!("{} {not}LIKE (\"b*\", \"*d\")", self.expr(Type::Text, depth)),
            6 => {
                let pattern =
                    *self.random.pick(&["al.*", ".*t?a", "[A-Z].*", "(alpha|beta)", ".+ .", "@a", "~x", "a&b"]);
                let pattern = pattern.trim_start_matches('~');
                format!("{} {not}RLIKE \"{pattern}\"", self.expr(Type::Text, depth))
            }
            7 => {
                let ty = *self.random.pick(&TYPES);
                format!("{} IS {not}NULL", self.expr(ty, depth))
            }
            8 => format!("CIDR_MATCH({}, \"10.0.0.0/8\", \"::1\", \"2001:db8::/32\")", self.leaf(Type::Ip)),
            9 if !self.grouped => self.search(),
            10 => {
                let function = *self.random.pick(&["STARTS_WITH", "ENDS_WITH", "CONTAINS"]);
                format!("{function}({}, {})", self.expr(Type::Text, depth), self.literal(Type::Text))
            }
            _ => self.leaf(Type::Boolean),
        }
    }

    /// A search over a field of the source that is still there.
    fn search(&mut self) -> String {
        let source: Vec<(String, Type)> = self.columns.iter().filter(|(name, _)| name.contains('.')).cloned().collect();
        if source.is_empty() {
            return "true".to_owned();
        }
        let (name, ty) = self.random.pick(&source).clone();
        let value = match ty {
            Type::Text => *self.random.pick(&["alpha", "(alpha or b*)", "*", "\\\"Gamma d\\\"", "(not beta)"]),
            Type::Long => *self.random.pick(&["443", "(1 or 7)", "*"]),
            Type::Double => "0.25",
            Type::Boolean => "true",
            Type::Ip => *self.random.pick(&["10.1.2.3", "\\\"10.0.0.0/8\\\"", "*"]),
            Type::Date => "*",
        };
        let not = if self.random.percent(30) { "not " } else { "" };
        format!("KQL(\"{not}{name}: {value}\")")
    }
}
