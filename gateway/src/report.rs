//! The record of a request while it is on its way: written to the ring when the last byte of its
//! answer is out, or when the client is gone.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;

use domain::organization::ClientAddresses;
use domain::problem::Code;

use crate::client::Client;
use crate::detail;
use crate::fields::{Fields, Name};
use crate::head::Head;
use crate::notice::{Notice, Retired, Told};
use crate::passage;
use crate::places::Place;
use crate::policy::Noted;
use crate::record::{NameId, PATH_BYTES, Record};
use crate::request_id;
use crate::state::Route;
use crate::worker::Worker;

/// Owns the record; dropping it is what reports it.
pub(crate) struct Report {
    /// Taken when it is dropped.
    record: Option<Box<Record>>,
    pub(crate) worker: Rc<Worker>,
    pub(crate) connection: Rc<Client>,
    /// Microseconds of the gateway's clock when the head was read.
    started: u64,
    /// What the answer says because of where the request went.
    pub(crate) told: Option<Told>,
    /// Index of the route's counters.
    route: Option<u32>,
    /// Places of `concurrency`, given back with the report at the latest.
    pub(crate) places: Vec<Place>,
    /// Whether it has a place among the requests in flight.
    admitted: bool,
}

/// How long what is kept of a request waits for its end: then it goes as soon as nothing more of it
/// is kept. Microseconds.
const LONG_US: u32 = 10_000_000;
/// What nginx taught everybody to read as "the client went away".
const CLIENT_GONE: u16 = 499;

impl Report {
    /// Begins now, and takes the worker's coarse time along.
    pub(crate) fn new(worker: Rc<Worker>, client: Rc<Client>) -> Self {
        let started = worker.settings.clock.micros();
        worker.sweeper.advance(started / 1000);
        client.body_bytes.set(0);
        client.body_limit.set(worker.settings.limits.body_bytes);
        client.body_limited_by.set(NameId::NONE);
        Self {
            record: Some(worker.sink.blank()),
            worker,
            connection: client,
            started,
            told: None,
            route: None,
            places: Vec::new(),
            admitted: false,
        }
    }

    /// Takes a place among the requests in flight until it is dropped; `false`: there is none.
    pub(crate) fn admit(&mut self) -> bool {
        self.admitted = self.worker.shared.in_flight.enter();
        self.admitted
    }

    /// Whether it has places of `concurrency`.
    pub(crate) const fn has_places(&self) -> bool {
        !self.places.is_empty()
    }

    /// Gives back the places of `concurrency`. This comes before the end of the answer is handed to
    /// the client's connection: a client that sends its next request as soon as it has that finds
    /// them free, whichever worker it meets.
    pub(crate) fn leave_places(&mut self) {
        self.places.clear();
    }

    pub(crate) const fn started(&self) -> u64 {
        self.started
    }

    /// Notes what is known of every request, and gives it its id: a trusted proxy's or our own. Its
    /// fields are those of a trace from here on, or name none.
    pub(crate) fn name(&mut self, head: &mut Head) {
        let wall_us = self.worker.settings.clock.wall(self.started);
        self.at = wall_us as i64;
        self.method.set(head.method.as_str());
        self.trace = passage::trace(&mut head.fields);
        if self.connection.peer.trusted
            && let Some(shown) = head.fields.get(Name::RequestId)
            && request_id::is_plain(shown)
        {
            self.request_id
                .set(std::str::from_utf8(shown).unwrap_or_default());
        } else {
            let id = self.worker.ids.make(wall_us);
            self.request_id
                .set(std::str::from_utf8(&id).unwrap_or_default());
        }
    }

    pub(crate) fn note_path(&mut self, path: &str) {
        self.path.set(path);
        self.path_cut = path.len() > PATH_BYTES;
    }

    pub(crate) fn note_route(&mut self, route: &Route) {
        self.route = Some(route.number);
        self.provider = route.provider;
        self.keep_address(route.client_addresses);
        self.api = route.api;
        self.version = route.version;
        self.revision = route.revision;
    }

    /// Policies see all of the client's address: it is the record alone that keeps less.
    fn keep_address(&mut self, form: ClientAddresses) {
        self.client = self.client.and_then(|address| form.keep(address));
    }

    /// The version that would have answered once, which is counted nowhere any more.
    pub(crate) fn note_retired(&mut self, retired: &Arc<Retired>, fields: &Fields) {
        self.provider = retired.provider;
        self.keep_address(retired.client_addresses);
        self.api = retired.api;
        self.version = retired.version;
        self.revision = retired.revision;
        let noted = Noted::of(fields, &self.connection.peer);
        self.told = Some(Told::gone(self.told.take(), retired, noted));
    }

    /// Has the answer say what is to come of its version.
    pub(crate) fn announce(&mut self, notice: &Arc<Notice>) {
        self.told = Some(Told::and(self.told.take(), notice.clone()));
    }

    /// Hands on what is kept of an exchange that lasts, where nothing more will be, and lets go of
    /// room that it does not fill, as that is others' as well.
    #[cold]
    pub(crate) fn pass_details(&self, is_sent: bool) {
        if self.elapsed() < LONG_US {
            return;
        }
        let mut capture = self.connection.capture.borrow_mut();
        if let Some(one) = capture.take_if(|one| one.is_full(is_sent)) {
            detail::end(one, self, &self.worker.sink);
        }
        if let Some(one) = capture.as_mut() {
            one.lasts();
        }
    }

    /// Says by which id an operator who is asked about a fault of ours finds it; what the fault is, a
    /// panic has said by itself.
    #[cold]
    pub(crate) fn tell_fault(&self) {
        tracing::error!(
            request.id = self.request_id.as_str(),
            api.id = %self.api,
            "A request ended in a panic, a fault of this program."
        );
    }

    /// Its connection or its stream is cut by a panic.
    #[cold]
    pub(crate) fn break_off(&mut self) {
        self.code = Some(Code::Internal);
        if self.status == 0 {
            self.status = Code::Internal.status();
        }
        self.tell_fault();
    }

    /// Microseconds since the head was read.
    pub(crate) fn elapsed(&self) -> u32 {
        let now = self.worker.settings.clock.micros();
        u32::try_from(now.saturating_sub(self.started)).unwrap_or(u32::MAX)
    }
}

impl Deref for Report {
    type Target = Record;

    fn deref(&self) -> &Record {
        match &self.record {
            Some(record) => record,
            None => unreachable!("only dropping takes it"),
        }
    }
}

impl DerefMut for Report {
    fn deref_mut(&mut self) -> &mut Record {
        match &mut self.record {
            Some(record) => record,
            None => unreachable!("only dropping takes it"),
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // Whoever sees the record finds the place free.
        self.places.clear();
        self.connection.standing.end();
        if std::thread::panicking() {
            self.break_off();
        }
        let (total_us, bytes_in) = (self.elapsed(), self.connection.body_bytes.get());
        if let Some(mut record) = self.record.take() {
            record.total_us = total_us;
            record.bytes_in = bytes_in;
            if record.status == 0 {
                record.status = CLIENT_GONE;
            }
            self.worker.metrics.count(&record, self.route);
            if let Some(capture) = self.connection.capture.take() {
                detail::end(capture, &record, &self.worker.sink);
            }
            self.worker.sink.push(record);
        }
        if self.admitted {
            self.worker.shared.in_flight.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::explain::Counts;
    use crate::metrics::WorkerMetrics;
    use crate::record::{Names, Rings};
    use crate::settings::Settings;

    #[test]
    fn what_a_panic_cuts_off_is_recorded_as_a_fault_of_ours() {
        // Before its answer's head is there, and behind that.
        for (status, recorded) in [(0, 500), (206, 206)] {
            let settings = Arc::<Settings>::default();
            let shared = Counts::none(&settings, false).shared;
            let rings = Rings::new(1, Arc::<Names>::default());
            let metrics = Arc::<WorkerMetrics>::default();
            let worker = Worker::new(settings, shared.clone(), metrics, rings.sink(0));
            let client = Client::of_nobody(&worker, worker.peer([127, 0, 0, 1].into()));
            let mut report = Report::new(Rc::new(worker), Rc::new(client));
            assert!(report.admit());
            report.status = status;
            let cut: Result<(), _> = catch_unwind(AssertUnwindSafe(move || {
                let _report = report;
                panic!("a panic of this test's own")
            }));
            assert!(cut.is_err());
            let mut records = Vec::new();
            rings.drain(|record| records.push((record.status, record.code)));
            assert_eq!(records, [(recorded, Some(Code::Internal))]);
            assert_eq!(shared.in_flight.now(), 0);
        }
    }
}
