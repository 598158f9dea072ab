//! Names of XML as what they stand for (Namespaces in XML 1.0): prefixes are anybody's choice.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::xml::{self, Element};

/// What `xml:` always stands for (§3).
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The same of `xmlns:`.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
/// Of attributes that say how an element is to be read (XML Schema §2.6).
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

const NO_NAME: &str = "The XML has a name with a colon that is none.";
const UNDECLARED: &str = "The XML has a prefix that is not declared.";
const NO_NAMESPACE: &str = "The XML declares a namespace that may not be declared so.";
const TWICE: &str = "An element of the XML has an attribute twice.";

/// A name without its prefix.
pub(super) struct Name {
    pub(super) local: String,
    pub(super) namespace: Option<Rc<str>>,
}

impl Name {
    /// Whether it is in this namespace, where one is asked for.
    pub(super) fn is_in(&self, namespace: Option<&str>) -> bool {
        namespace.is_none_or(|asked| self.namespace.as_deref() == Some(asked))
    }
}

/// An element with what its names stand for.
pub(super) struct Named {
    pub(super) name: Name,
    /// Those that are data: neither declarations nor of `xml:` or XML Schema.
    pub(super) attributes: Vec<(Name, String)>,
    pub(super) children: Vec<Self>,
    pub(super) text: String,
    /// `xsi:nil` (XML Schema §2.6.2)
    is_nil: bool,
}

impl Named {
    /// The error is a sentence.
    pub(super) fn of(root: Element) -> Result<Self, String> {
        Scope::default().element(root).map_err(str::to_owned)
    }

    /// Whether it says that it is nothing, and says no more.
    pub(super) fn is_nil(&self) -> bool {
        let is_empty = self.children.is_empty() && self.attributes.is_empty();
        self.is_nil && is_empty && xml::is_blank(&self.text)
    }
}

/// The declarations around an element.
#[derive(Default)]
struct Scope {
    /// By prefix, the nearest last. The empty prefix is that of elements without one, for which
    /// `None` takes a declaration back.
    declared: HashMap<String, Vec<Option<Rc<str>>>>,
}

impl Scope {
    fn element(&mut self, element: Element) -> Result<Named, &'static str> {
        let own = self.enter(&element.attributes)?;
        let name = self.name(element.name, true)?;
        let mut attributes = Vec::new();
        let mut is_nil = false;
        for (written, value) in element.attributes {
            if declaration(&written).is_some() {
                continue;
            }
            let name = self.name(written, false)?;
            match name.namespace.as_deref() {
                Some(XML) => {}
                Some(INSTANCE) => {
                    is_nil |= name.local == "nil" && matches!(xml::trim(&value), "true" | "1");
                }
                Some(_) | None => attributes.push((name, value)),
            }
        }
        if has_twice(&attributes) {
            return Err(TWICE);
        }
        let mut children = Vec::with_capacity(element.children.len());
        for child in element.children {
            children.push(self.element(child)?);
        }
        for prefix in own {
            if let Some(all) = self.declared.get_mut(&prefix) {
                all.pop();
            }
        }
        Ok(Named {
            name,
            attributes,
            children,
            text: element.text,
            is_nil,
        })
    }

    /// Takes the declarations of an element; the prefixes that it has.
    fn enter(&mut self, attributes: &[(String, String)]) -> Result<Vec<String>, &'static str> {
        let mut own = Vec::new();
        for (written, uri) in attributes {
            let Some(prefix) = declaration(written) else {
                continue;
            };
            let is_taken = matches!(uri.as_str(), XML | XMLNS);
            let fits = match prefix {
                "xml" => uri == XML,
                "xmlns" => false,
                "" => written == "xmlns" && !is_taken,
                // In 1.0 only the default can be taken back.
                _ => is_plain(prefix) && !uri.is_empty() && !is_taken,
            };
            if !fits {
                return Err(NO_NAMESPACE);
            }
            let uri = (!uri.is_empty()).then(|| Rc::from(uri.as_str()));
            let all = self.declared.entry(prefix.to_owned()).or_default();
            all.push(uri);
            own.push(prefix.to_owned());
        }
        Ok(own)
    }

    /// An attribute without a prefix is in no namespace (§6.2).
    fn name(&self, written: String, is_element: bool) -> Result<Name, &'static str> {
        if !written.contains(':') {
            let namespace = self.nearest("").filter(|_| is_element);
            return Ok(Name {
                local: written,
                namespace,
            });
        }
        let (prefix, local) = written.split_once(':').unwrap_or_default();
        if !is_plain(prefix) || !is_plain(local) {
            return Err(NO_NAME);
        }
        let namespace = match prefix {
            "xml" => Rc::from(XML),
            _ => self.nearest(prefix).ok_or(UNDECLARED)?,
        };
        Ok(Name {
            local: local.to_owned(),
            namespace: Some(namespace),
        })
    }

    fn nearest(&self, prefix: &str) -> Option<Rc<str>> {
        self.declared.get(prefix)?.last()?.clone()
    }
}

/// The prefix that an attribute declares, where it is one that does.
fn declaration(attribute: &str) -> Option<&str> {
    match attribute.strip_prefix("xmlns")? {
        "" => Some(""),
        behind => behind.strip_prefix(':'),
    }
}

/// Whether one name stands there by two prefixes (§6.3). Of names without one that was looked at
/// when they were read.
fn has_twice(attributes: &[(Name, String)]) -> bool {
    let mut known = HashSet::new();
    let mut far = attributes.iter().map(|(name, _)| name);
    far.any(|name| name.namespace.is_some() && !known.insert((&name.namespace, &name.local)))
}

/// A name without a colon (§4).
fn is_plain(name: &str) -> bool {
    !name.contains(':') && xml::is_name(name)
}
