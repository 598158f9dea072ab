//! Who else would have answered, and why not.

use domain::explain::{Lost, RunnerUp};
use domain::route::Spot;

use super::Walk;
use crate::head::Head;
use crate::state::State;

impl Walk<'_> {
    /// Whether it may be told who answers there, or did once; all at one place are of one API, but
    /// for those that are gone.
    pub(super) fn sees(&self, state: &State, host: &str, head: &Head) -> bool {
        let path = head.canonical();
        if let Some((spot, _)) = state.routes.find(host, path) {
            let mut routes = spot.values().into_iter();
            return routes.any(|route| self.sight.api(route.api));
        }
        let retired = state.retired.as_ref();
        let found = retired.and_then(|retired| retired.find(host, path));
        found.is_none_or(|(spots, _)| {
            let mut gone = spots.iter().flat_map(Spot::values);
            gone.all(|one| self.sight.api(one.api))
        })
    }

    /// Those at the same place first, then the nearest.
    pub(super) fn runners_up(&mut self, state: &State, host: &str, head: &Head) {
        let path = head.canonical();
        let mut lost = Vec::new();
        if let Some((Spot::Choice(choice), _)) = state.routes.find(host, path) {
            let others = choice.others(head).into_iter();
            lost.extend(others.map(|(route, missed)| (route, Lost::from(missed))));
        }
        for runner in state.routes.runners_up(host, path) {
            let why = if runner.by_host {
                Lost::Host
            } else {
                Lost::ShorterPath
            };
            lost.extend(runner.value.values().into_iter().map(|route| (route, why)));
        }
        for (route, lost) in lost {
            let place = self.explainer.compiler.place_of(route.version);
            let known = &mut self.out.explanation.runners_up;
            // A version with several host patterns is named once.
            if let Some(place) = place.filter(|_| self.sight.api(route.api))
                && !known
                    .iter()
                    .any(|other| other.place.version_id == place.version_id)
            {
                known.push(RunnerUp { place, lost });
            }
        }
    }
}
