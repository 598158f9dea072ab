//! Tokens as a tree, with the precedence of the CEL specification ("Syntax").

use super::Wrong;
use super::function::Function;
use super::kind::Kind;
use super::lexer::{self, Token};
use super::node::{Infix, Macro, Node};
use super::pattern::Pattern;

/// Deepest nesting of brackets, and of operators in front of values.
const DEEPEST: usize = 24;
/// Operators, fields and calls of one expression: a chain of them is a tree as deep as it is long.
const MOST_OPERATORS: usize = 128;
/// Patterns of one expression.
const MOST_PATTERNS: usize = 8;

pub(super) fn read(text: &str, variables: &[&str], longest: usize) -> Result<Node, Wrong> {
    if text.len() > longest {
        let message = format!("Use at most {longest} bytes.");
        return Err(Wrong { at: 1, message });
    }
    let mut parser = Parser {
        text,
        tokens: lexer::read(text)?,
        next: 0,
        depth: 0,
        operators: 0,
        patterns: 0,
        names: variables.iter().map(|name| (*name).to_owned()).collect(),
    };
    let node = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(node),
        _ => Err(parser.wrong("Nothing may follow here.")),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    operators: usize,
    patterns: usize,
    /// Variables, and those that macros bind here.
    names: Vec<String>,
}

type Read = Result<Node, Wrong>;

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].1
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        // The end stays where it is.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn wrong(&self, message: &str) -> Wrong {
        lexer::wrong(self.text, self.tokens[self.next].0, message)
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(known) if *known == sign)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is = self.is(sign);
        if is {
            self.take();
        }
        is
    }

    fn expect(&mut self, sign: &str) -> Result<(), Wrong> {
        match self.takes(sign) {
            true => Ok(()),
            false => Err(self.wrong(&format!("Here stands {sign}."))),
        }
    }

    fn count(&mut self) -> Result<(), Wrong> {
        self.operators += 1;
        match self.operators > MOST_OPERATORS {
            true => Err(self.wrong(&format!("Use at most {MOST_OPERATORS} operators."))),
            false => Ok(()),
        }
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Read) -> Read {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("This is nested too deep."));
        }
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn expression(&mut self) -> Read {
        self.deeper(|parser| {
            let condition = parser.either()?;
            if !parser.takes("?") {
                return Ok(condition);
            }
            let then = parser.either()?;
            parser.expect(":")?;
            let otherwise = parser.expression()?;
            Ok(Node::Choice(Box::new([condition, then, otherwise])))
        })
    }

    fn either(&mut self) -> Read {
        let mut node = self.both()?;
        while self.takes("||") {
            self.count()?;
            node = Node::Either(node.into(), self.both()?.into());
        }
        Ok(node)
    }

    fn both(&mut self) -> Read {
        let mut node = self.relation()?;
        while self.takes("&&") {
            self.count()?;
            node = Node::Both(node.into(), self.relation()?.into());
        }
        Ok(node)
    }

    fn relation(&mut self) -> Read {
        const SIGNS: [(&str, Infix); 6] = [
            ("==", Infix::Equal),
            ("!=", Infix::NotEqual),
            ("<=", Infix::LessOrEqual),
            (">=", Infix::GreaterOrEqual),
            ("<", Infix::Less),
            (">", Infix::Greater),
        ];
        let mut node = self.sum()?;
        loop {
            let sign = SIGNS.iter().find(|(sign, _)| self.is(sign));
            let is_in = matches!(self.peek(), Token::Name(name) if name == "in");
            let infix = match sign {
                Some((_, infix)) => *infix,
                None if is_in => Infix::In,
                None => return Ok(node),
            };
            self.take();
            self.count()?;
            node = Node::Infix(infix, node.into(), self.sum()?.into());
        }
    }

    fn sum(&mut self) -> Read {
        let mut node = self.product()?;
        loop {
            let infix = match () {
                () if self.takes("+") => Infix::Plus,
                () if self.takes("-") => Infix::Minus,
                () => return Ok(node),
            };
            self.count()?;
            node = Node::Infix(infix, node.into(), self.product()?.into());
        }
    }

    fn product(&mut self) -> Read {
        let mut node = self.prefixed()?;
        loop {
            let infix = match () {
                () if self.takes("*") => Infix::Times,
                () if self.takes("/") => Infix::By,
                () if self.takes("%") => Infix::Modulo,
                () => return Ok(node),
            };
            self.count()?;
            node = Node::Infix(infix, node.into(), self.prefixed()?.into());
        }
    }

    fn prefixed(&mut self) -> Read {
        if self.takes("!") {
            return self.deeper(|parser| Ok(Node::Not(parser.prefixed()?.into())));
        }
        if self.takes("-") {
            return self.deeper(|parser| Ok(Node::Minus(parser.prefixed()?.into())));
        }
        self.member()
    }

    fn member(&mut self) -> Read {
        let mut node = self.primary()?;
        loop {
            if self.is("[") || self.is(".") {
                self.count()?;
            }
            if self.takes("[") {
                let index = self.expression()?;
                self.expect("]")?;
                node = Node::Index(node.into(), index.into());
            } else if self.takes(".") {
                let Token::Name(name) = self.take() else {
                    return Err(self.wrong("Here stands the name of a field or function."));
                };
                node = match self.takes("(") {
                    true => self.method(node, &name)?,
                    false => Node::Field(node.into(), name.into()),
                };
            } else {
                return Ok(node);
            }
        }
    }

    fn primary(&mut self) -> Read {
        let message = "Here stands a value.";
        let before = self.wrong(message);
        Ok(match self.take() {
            Token::Int(value) => Node::Int(value),
            Token::Uint(value) => Node::Uint(value),
            Token::Double(value) => Node::Double(value),
            Token::Text(text) => Node::Text(text.into()),
            Token::Bytes(bytes) => Node::Bytes(bytes.into()),
            Token::Sign("(") => {
                let node = self.expression()?;
                self.expect(")")?;
                node
            }
            Token::Sign("[") => Node::List(self.list("]")?),
            Token::Sign("{") => self.map()?,
            Token::Name(name) => match name.as_str() {
                "true" => Node::Bool(true),
                "false" => Node::Bool(false),
                "null" => Node::Null,
                "has" if self.takes("(") => {
                    let Node::Field(from, name) = self.expression()? else {
                        return Err(self.wrong("has takes a field: has(a.b)."));
                    };
                    self.expect(")")?;
                    Node::Has(from, name)
                }
                _ if self.takes("(") => {
                    let arguments = self.list(")")?;
                    self.call(&name, false, arguments)?
                }
                _ if self.names.contains(&name) => Node::Name(name.into()),
                _ => match self.kind(&name) {
                    Some(kind) => Node::Type(kind),
                    None => {
                        let message = format!("There is no variable {name}.");
                        return Err(Wrong { message, ..before });
                    }
                },
            },
            Token::Sign(_) | Token::End => return Err(before),
        })
    }

    /// The type that is called so; of the longer names, the rest is taken.
    fn kind(&mut self, name: &str) -> Option<Kind> {
        let rest = &self.tokens[self.next..];
        let rest: Vec<&Token> = rest.iter().map(|(_, token)| token).take(4).collect();
        match rest[..] {
            [
                Token::Sign("."),
                Token::Name(package),
                Token::Sign("."),
                Token::Name(last),
            ] if name == "google" => {
                let kind = Kind::named(&format!("{name}.{package}.{last}"))?;
                self.next += 4;
                Some(kind)
            }
            _ => Kind::named(name),
        }
    }

    /// Up to the closing sign; one comma more may stand at its end.
    fn list(&mut self, end: &str) -> Result<Vec<Node>, Wrong> {
        let mut items = Vec::new();
        while !self.takes(end) {
            items.push(self.expression()?);
            if !self.takes(",") {
                self.expect(end)?;
                break;
            }
        }
        Ok(items)
    }

    fn map(&mut self) -> Read {
        let mut entries = Vec::new();
        while !self.takes("}") {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if !self.takes(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Node::Map(entries))
    }

    fn method(&mut self, target: Node, name: &str) -> Read {
        let kind = match name {
            "all" => Some(Macro::All),
            "exists" => Some(Macro::Exists),
            "exists_one" => Some(Macro::ExistsOne),
            "filter" => Some(Macro::Filter),
            "map" => Some(Macro::Map),
            _ => None,
        };
        if let Some(kind) = kind {
            return self.comprehension(kind, target);
        }
        if name == "matches" {
            let Token::Text(pattern) = self.take() else {
                return Err(self.wrong("matches takes a pattern that is written out."));
            };
            self.patterns += 1;
            if self.patterns > MOST_PATTERNS {
                return Err(self.wrong(&format!("Use at most {MOST_PATTERNS} patterns.")));
            }
            let pattern = Pattern::read(&pattern);
            let pattern =
                pattern.ok_or_else(|| self.wrong("This pattern is none, or too large."))?;
            self.expect(")")?;
            return Ok(Node::Matches(target.into(), Box::new(pattern)));
        }
        let mut arguments = vec![target];
        arguments.extend(self.list(")")?);
        self.call(name, true, arguments)
    }

    fn comprehension(&mut self, kind: Macro, target: Node) -> Read {
        let Token::Name(variable) = self.take() else {
            return Err(self.wrong("Here stands the name of a variable."));
        };
        self.expect(",")?;
        self.names.push(variable.clone());
        let arguments = self.list(")")?;
        self.names.pop();
        let fits = arguments.len() == 1 || kind == Macro::Map && arguments.len() == 2;
        match fits {
            true => Ok(Node::Macro(
                kind,
                target.into(),
                variable.into(),
                arguments.into(),
            )),
            false => Err(self.wrong("This takes a variable and a condition.")),
        }
    }

    fn call(&mut self, name: &str, is_method: bool, arguments: Vec<Node>) -> Read {
        let known = Function::ALL.iter();
        let mut known = known.filter(|one| one.0 == name && one.1 == is_method);
        let Some((_, _, least, most, function)) = known.next() else {
            return Err(self.wrong(&format!("There is no function {name} here.")));
        };
        match (*least..=*most).contains(&arguments.len()) {
            true => Ok(Node::Call(*function, arguments)),
            false => Err(self.wrong(&format!("{name} takes other arguments."))),
        }
    }
}
