//! Which of the versions at a host and path answers a request, and what is cut out of the request
//! because it only said which.

use domain::path::PathError;
use domain::problem::Code;
use domain::route::{Asked, Choice, NotChosen, Scheme, Spot};

use crate::answer::Refusal;
use crate::body::Answer;
use crate::call::Call;
use crate::fields::Name;
use crate::head::Head;
use crate::notice::Told;
use crate::query;
use crate::report::Report;
use crate::state::{Route, State};

/// Versions listed in a refusal.
const LISTED: usize = 20;

impl Asked for Head {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn each(&self, name: &str, met: &mut dyn FnMut(&[u8])) {
        self.fields.named(name).for_each(met);
    }

    fn query(&self) -> Option<&str> {
        Self::query(self)
    }
}

/// The version that answers at the canonical `path` of `head`, and the length of its prefix. `report`
/// gets what the place tells, whatever the answer will be.
pub(crate) fn find<'s>(
    state: &'s State,
    host: &str,
    path: &str,
    head: &Head,
    report: &mut Report,
) -> Result<(&'s Route, usize), Refusal> {
    let chosen = match state.routes.find(host, path) {
        None => Err(Refusal::new(Code::NoRoute)),
        Some((Spot::Only(route), prefix)) => Ok((&**route, prefix)),
        Some((Spot::Choice(choice), prefix)) => {
            report.told = Some(choice.vary())
                .filter(|fields| !fields.is_empty())
                .map(|fields| Told::Vary(fields.into()));
            let chosen = choice.choose(head);
            chosen
                .map(|route| (&**route, prefix))
                .map_err(|why| refusal(choice, &why))
        }
    };
    // Whoever asked for no such paths must not meet them, nor learn what would be there.
    let takes = |route: &Route| !head.has_encoded_slash || route.encoded_slashes;
    match chosen {
        Ok((route, prefix)) if takes(route) => Ok((route, prefix)),
        Err(refusal) if !head.has_encoded_slash => Err(gone(state, host, head, report, refusal)),
        Ok(_) | Err(_) => {
            let hidden = PathError::Hidden.to_string();
            Err(Refusal::new(Code::PathNotCanonical).detail(hidden))
        }
    }
}

/// What a place without an answer says where a version answered that is retired. One that is served
/// comes first, wherever it stands: the place is free for whoever takes it.
#[cold]
fn gone(state: &State, host: &str, head: &Head, report: &mut Report, refusal: Refusal) -> Refusal {
    let (is_named, is_unasked) = match refusal.code {
        Code::NoRoute => (false, false),
        Code::NoVersion => (true, false),
        Code::VersionRequired => (false, true),
        _ => return refusal,
    };
    let found = state.retired.as_ref();
    let found = found.and_then(|retired| retired.find(host, head.canonical()));
    let spots = found.map_or(&[][..], |(spots, _)| spots.as_slice());
    // Whoever asks for a version by name meant none that had no name, and who asks for none meant no
    // other.
    let retired = spots.iter().find_map(|spot| match spot {
        Spot::Only(retired) => (!is_named).then_some(retired),
        Spot::Choice(choice) => {
            let is_other = match choice.scheme() {
                Some(_) => is_unasked,
                None => is_named,
            };
            let chosen = choice.choose(head).ok();
            chosen.filter(|_| !is_other)
        }
    });
    match retired {
        Some(retired) => {
            report.note_retired(retired, &head.fields);
            Refusal::new(Code::VersionRetired)
        }
        None => refusal,
    }
}

/// The answer to a preflight where [`find`] has found that a version is retired.
#[cold]
pub(crate) fn preflight(head: &Head, report: &mut Report) -> Option<Answer> {
    let answer = report.told.as_ref()?.preflight(head)?;
    // It says nothing of the version's end.
    report.told = None;
    Some(answer)
}

fn refusal<T>(choice: &Choice<T>, why: &NotChosen) -> Refusal {
    let versions: Vec<&str> = choice.versions().take(LISTED).collect();
    let listed = versions.join(", ");
    let by = choice.scheme().map(ToString::to_string).unwrap_or_default();
    match why {
        NotChosen::Required => Refusal::new(Code::VersionRequired)
            .versions(&versions)
            .detail(format!(
                "This API has no default version. Ask for one by {by}: {listed}."
            )),
        NotChosen::Unknown => Refusal::new(Code::NoVersion)
            .versions(&versions)
            .detail(format!(
                "The API has no version of this name. Those that {by} can ask for: {listed}."
            )),
        NotChosen::Several => Refusal::new(Code::BadRequest).detail(format!(
            "The request asks for more than one version by {by}."
        )),
        NotChosen::Conditions => Refusal::new(Code::NoRoute),
    }
}

/// Cuts what asked for the version out of what goes on.
pub(crate) fn strip(call: &mut Call<'_>, scheme: &Scheme) {
    let head = &mut call.head;
    match scheme {
        Scheme::Header(name) => head.fields.remove_named(name.as_bytes()),
        Scheme::Query(name) => {
            let cut = query::cut(head.query().unwrap_or_default(), name);
            if let Some((_, rest)) = cut {
                head.cut_query = Some(rest);
            }
        }
        Scheme::Vendor(_) | Scheme::Parameter(_) => {
            let lines: Vec<Vec<u8>> = head
                .fields
                .all(Name::Accept)
                .map(|line| {
                    let text = std::str::from_utf8(line).ok();
                    let cut = text.and_then(|text| scheme.cut_accept(text));
                    cut.map_or_else(|| line.to_owned(), String::into_bytes)
                })
                .collect();
            head.fields.remove(Name::Accept);
            for line in lines {
                head.fields.push("accept", &line);
            }
        }
    }
}
