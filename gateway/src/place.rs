//! Which of the versions at a host and path answers a request, and what is cut out of the request
//! because it only said which.

use domain::path::{Canonical, PathError};
use domain::problem::Code;
use domain::route::{Asked, Choice, NotChosen, Scheme, Spot};
use http::header::ACCEPT;
use http::{HeaderValue, Uri};

use crate::answer::Refusal;
use crate::call::Call;
use crate::head::Head;
use crate::query;
use crate::state::{Route, State};

/// Versions listed in a refusal.
const LISTED: usize = 20;

/// What is chosen by.
pub(crate) struct Request<'a> {
    pub(crate) head: &'a Head,
    pub(crate) uri: &'a Uri,
}

impl Asked for Request<'_> {
    fn method(&self) -> &str {
        self.head.method.as_str()
    }

    fn each(&self, name: &str, met: &mut dyn FnMut(&[u8])) {
        let values = self.head.headers.get_all(name).iter();
        values.for_each(|value| met(value.as_bytes()));
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }
}

/// The version that answers, and the length of its prefix. `vary` gets the fields that decided,
/// whatever the answer will be.
pub(crate) fn find<'s>(
    state: &'s State,
    host: &str,
    path: &Canonical<'_>,
    asked: &impl Asked,
    vary: &mut Option<HeaderValue>,
) -> Result<(&'s Route, usize), Refusal> {
    let found = state.routes.find(host, &path.path);
    let chosen = match found {
        None => Err(Refusal::new(Code::NoRoute)),
        Some((Spot::Only(route), prefix)) => Ok((&**route, prefix)),
        Some((Spot::Choice(choice), prefix)) => {
            if !choice.vary().is_empty() {
                *vary = HeaderValue::from_str(choice.vary()).ok();
            }
            let chosen = choice.choose(asked);
            chosen
                .map(|route| (&**route, prefix))
                .map_err(|why| refusal(choice, why))
        }
    };
    // Whoever asked for no such paths must not meet them, nor learn what would be there.
    if path.has_encoded_slash && !chosen.as_ref().is_ok_and(|(route, _)| route.encoded_slashes) {
        let hidden = PathError::Hidden.to_string();
        return Err(Refusal::new(Code::PathNotCanonical).detail(hidden));
    }
    chosen
}

fn refusal<T>(choice: &Choice<T>, why: NotChosen) -> Refusal {
    let listed: Vec<&str> = choice.versions().take(LISTED).collect();
    let listed = listed.join(", ");
    let by = choice.scheme().map(ToString::to_string).unwrap_or_default();
    match why {
        NotChosen::Required => Refusal::new(Code::VersionRequired).detail(format!(
            "This API has no default version. Ask for one by {by}: {listed}."
        )),
        NotChosen::Unknown => Refusal::new(Code::NoVersion).detail(format!(
            "The API has no version of this name. Those that {by} can ask for: {listed}."
        )),
        NotChosen::Several => Refusal::new(Code::BadRequest)
            .detail(format!("The request asks for more than one version by {by}.")),
        NotChosen::Conditions => Refusal::new(Code::NoRoute),
    }
}

/// Cuts what asked for the version out of what goes on.
pub(crate) fn strip(call: &mut Call<'_>, scheme: &Scheme) {
    match scheme {
        Scheme::Header(name) => {
            call.head.headers.remove(&**name);
        }
        Scheme::Query(name) => {
            let cut = query::cut(call.query().unwrap_or_default(), name);
            if let Some((_, rest)) = cut {
                call.head.cut_query = Some(rest);
            }
        }
        Scheme::Vendor(_) | Scheme::Parameter(_) => {
            let lines = call.head.headers.get_all(ACCEPT).iter();
            let lines: Vec<HeaderValue> = lines
                .map(|line| {
                    let cut = line.to_str().ok().and_then(|line| scheme.cut_accept(line));
                    let cut = cut.and_then(|line| HeaderValue::try_from(line).ok());
                    cut.unwrap_or_else(|| line.clone())
                })
                .collect();
            call.head.headers.remove(ACCEPT);
            for line in lines {
                call.head.headers.append(ACCEPT, line);
            }
        }
    }
}
