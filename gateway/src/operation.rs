//! Which chain of policies a request meets: its operation's, or its version's.

use domain::problem::Code;
use domain::route::Found;
use http::Method;

use crate::answer::Refusal;
use crate::head::Head;
use crate::policy::{Chain, Cors, Finishing, Step, cors};
use crate::report::Report;
use crate::state::Route;

/// What answers a preflight, and where its label is.
type Preflight<'a> = Option<(&'a Step<Finishing>, &'a Cors)>;

/// The chain of policies that a request meets, whose canonical path is `inside` behind the version's
/// prefix. A preflight meets that of the request that it asks about, where that has `cors`.
pub(crate) fn chosen<'a>(
    report: &mut Report,
    route: &'a Route,
    head: &Head,
    inside: &str,
) -> (Result<&'a Chain, Refusal>, Preflight<'a>) {
    if head.method == Method::OPTIONS
        && let Some(method) = cors::asked_method(head)
        && let Some((chain, cors)) = asked_about(route, method, inside)
    {
        return (Ok(chain), Some(cors));
    }
    let found = operation(report, route, head.method.as_str(), inside);
    (found, None)
}

fn asked_about<'a>(
    route: &'a Route,
    method: &str,
    inside: &str,
) -> Option<(&'a Chain, (&'a Step<Finishing>, &'a Cors))> {
    if route.suspended || !route.enabled {
        return None;
    }
    let own = match route.operations.find(method, inside) {
        Found::Operation(operation) => operation.chain.as_ref(),
        Found::OtherMethods(_) => None,
        Found::None if route.open => None,
        Found::None => return None,
    };
    let chain = own.unwrap_or(&route.chain).as_ref().ok()?;
    Some((chain, chain.beyond.as_ref()?.cors()?))
}

/// The operation's chain of policies, or the version's. A version about whose end nothing is said
/// pays one branch for it.
fn operation<'a>(
    report: &mut Report,
    route: &'a Route,
    method: &str,
    rest: &str,
) -> Result<&'a Chain, Refusal> {
    if let Some(notice) = &route.notice {
        report.announce(notice);
        if notice.is_over(report.at) && !route.suspended {
            return Err(Refusal::new(Code::VersionRetired));
        }
    }
    if route.suspended {
        return Err(Refusal::new(Code::OrganizationSuspended));
    }
    if !route.enabled {
        return Err(Refusal::new(Code::VersionDisabled).retry_after(60));
    }
    let own = match route.operations.find(method, rest) {
        Found::Operation(operation) => {
            report.operation = operation.id;
            operation.chain.as_ref()
        }
        Found::None | Found::OtherMethods(_) if route.open => None,
        Found::None => return Err(Refusal::new(Code::NoOperation)),
        Found::OtherMethods(methods) => {
            return Err(Refusal::new(Code::MethodNotAllowed).allow(&methods));
        }
    };
    let chain = own.unwrap_or(&route.chain).as_ref();
    chain.map_err(|_| Refusal::new(Code::PolicyInvalid))
}
