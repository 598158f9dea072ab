//! The counters as Prometheus reads them (text format 0.0.4).

mod cache;
mod certificates;
mod clients;
mod issuers;
mod policies;
mod questions;
mod upstreams;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use domain::problem::Code;
use domain::snapshot::Kind;

use super::{BOUNDS, Lane, Late, WorkerMetrics};
use crate::asking::Answers;
use crate::cache::Cache;
use crate::nonces::Nonces;
use crate::tls::{ClientEnd, Tls};
use crate::token::KeySets;
use crate::upstream::Upkeep;

/// What is known of the node beside the workers' counters.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) state: u64,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) records_dropped: u64,
    pub(crate) cells: usize,
    pub(crate) cells_overflowed: u64,
    pub(crate) concurrency_subjects: usize,
    pub(crate) guarded: usize,
    pub(crate) guard_overflowed: u64,
    pub(crate) guarded_users: usize,
    pub(crate) guard_users_overflowed: u64,
    pub(crate) guard_pairs_displaced: u64,
    pub(crate) quota_counters: usize,
    /// Of `log_detail`: bytes that wait to be written, and requests of which nothing was kept.
    pub(crate) details: (u64, u64),
    /// Seconds since the last good state was written.
    pub(crate) state_file_age: Option<u64>,
    /// `api/version` by the route's number.
    pub(crate) routes: HashMap<u32, Arc<str>>,
    /// States and changes that were not taken, by why.
    pub(crate) not_taken: [u64; 3],
    /// Objects of the state that cannot be read, by [`Kind::ALL`].
    pub(crate) unread: [u64; Kind::ALL.len()],
    pub(crate) upkeep: Arc<Upkeep>,
    pub(crate) key_sets: Arc<KeySets>,
    /// `None` before the first state.
    pub(crate) ends: Option<Ends>,
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) answers: Option<Arc<Answers>>,
    pub(crate) nonces: Option<Arc<Nonces>>,
}

/// When certificates end.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) tls: Arc<Tls>,
    pub(crate) clients: Arc<[ClientEnd]>,
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(
            self.0,
            "# HELP portunus_{name} {help}\n# TYPE portunus_{name} {kind}"
        );
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "portunus_{name} {value}");
    }
}

/// All of it.
pub(crate) fn page(workers: &[Arc<WorkerMetrics>], gauges: &Gauges) -> String {
    let mut page = Page(String::with_capacity(8192));
    let sum = |read: fn(&WorkerMetrics) -> u64| workers.iter().map(|worker| read(worker)).sum();
    page.one(
        "config_state",
        "gauge",
        "Number of the configuration state.",
        gauges.state,
    );
    page.head(
        "worker_config_state",
        "gauge",
        "Number of the state that a worker serves.",
    );
    for (index, worker) in workers.iter().enumerate() {
        let _ = writeln!(
            page.0,
            "portunus_worker_config_state{{worker=\"{index}\"}} {}",
            worker.state.get()
        );
    }
    page.one(
        "connections",
        "gauge",
        "Client connections.",
        gauges.connections as u64,
    );
    page.one(
        "requests_in_flight",
        "gauge",
        "Requests that are worked on.",
        gauges.in_flight as u64,
    );
    page.one(
        "requests_waiting",
        "gauge",
        "Requests that wait on purpose: for their turn under a limit, for a place, or by a policy's delay.",
        sum(|w| w.waiting.get()),
    );
    clients::write(&mut page, &sum);
    page.head(
        "timed_out_total",
        "counter",
        "Connections and exchanges that took too long, by what was awaited.",
    );
    for what in Late::ALL {
        let count: u64 = workers.iter().map(|w| w.late[what as usize].get()).sum();
        let _ = writeln!(
            page.0,
            "portunus_timed_out_total{{phase=\"{}\"}} {count}",
            what.as_str()
        );
    }
    page.one(
        "observed_total",
        "counter",
        "Requests that a policy in observe mode would have refused.",
        sum(|w| w.observed.get()),
    );
    page.one(
        "received_bytes_total",
        "counter",
        "Bytes of request bodies.",
        sum(|w| w.bytes_in.get()),
    );
    page.one(
        "sent_bytes_total",
        "counter",
        "Bytes of answer bodies.",
        sum(|w| w.bytes_out.get()),
    );
    if let Some(ends) = &gauges.ends {
        certificates::write(&mut page, &ends.tls.ends);
        certificates::write_lists(&mut page, &ends.tls.lists);
        certificates::write_clients(&mut page, &ends.clients);
    }
    upstreams::write(&mut page, &sum, &gauges.upkeep);
    issuers::write(&mut page, &gauges.key_sets);
    page.one(
        "records_dropped_total",
        "counter",
        "Traffic records lost to full rings.",
        gauges.records_dropped,
    );
    policies::write(&mut page, &sum, workers, gauges);
    questions::write(&mut page, &sum, gauges.answers.as_deref());
    if let Some((nonces, full)) = gauges.nonces.as_deref().map(Nonces::figures) {
        page.one(
            "nonces",
            "gauge",
            "Nonces of signatures, proofs and tokens that are remembered, as they are good once.",
            nonces,
        );
        page.one(
            "nonces_full_total",
            "counter",
            "Signatures, proofs and tokens that were refused as there was no room to remember them.",
            full,
        );
    }
    if let Some(cache) = &gauges.cache {
        cache::write(&mut page, &sum, cache);
    }
    if let Some(age) = gauges.state_file_age {
        page.one(
            "state_file_age_seconds",
            "gauge",
            "Age of the last good state on disk.",
            age,
        );
    }
    page.head(
        "config_refused_total",
        "counter",
        "Configuration states and changes that were not taken, by why.",
    );
    let why = ["newer_schema", "gap", "half_done"];
    for (why, count) in why.iter().zip(gauges.not_taken) {
        let _ = writeln!(
            page.0,
            "portunus_config_refused_total{{why=\"{why}\"}} {count}"
        );
    }
    page.head(
        "config_unreadable",
        "gauge",
        "Objects of the configuration that this release cannot read, by kind.",
    );
    for (kind, count) in Kind::ALL.iter().zip(gauges.unread) {
        let kind = kind.as_str();
        let _ = writeln!(
            page.0,
            "portunus_config_unreadable{{kind=\"{kind}\"}} {count}"
        );
    }
    refusals(&mut page, workers);
    routes(&mut page, workers, gauges);
    page.0
}

fn refusals(page: &mut Page, workers: &[Arc<WorkerMetrics>]) {
    page.head(
        "refused_total",
        "counter",
        "Answers of the gateway itself, by code.",
    );
    for (index, code) in Code::ALL.iter().enumerate() {
        let count: u64 = workers.iter().map(|worker| worker.codes[index].get()).sum();
        if count > 0 {
            let _ = writeln!(
                page.0,
                "portunus_refused_total{{code=\"{}\"}} {count}",
                code.as_str()
            );
        }
    }
}

#[derive(Default)]
struct Sums {
    classes: [u64; 6],
    latency: [u64; BOUNDS.len() + 1],
    latency_sum: u64,
}

impl Sums {
    fn add(&mut self, lane: &Lane) {
        for (sum, count) in self.classes.iter_mut().zip(&lane.classes) {
            *sum += count.get();
        }
        for (sum, count) in self.latency.iter_mut().zip(&lane.latency) {
            *sum += count.get();
        }
        self.latency_sum += lane.latency_sum.get();
    }
}

fn routes(page: &mut Page, workers: &[Arc<WorkerMetrics>], gauges: &Gauges) {
    let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
    for worker in workers {
        sums.entry("").or_default().add(&worker.unrouted);
        for (number, lane) in worker.lanes() {
            // A route that is gone keeps its sums, without a name.
            let name = gauges.routes.get(&number).map_or("gone", |name| name);
            sums.entry(name).or_default().add(&lane);
        }
    }
    page.head(
        "requests_total",
        "counter",
        "Requests, by version and class of status.",
    );
    for (route, sums) in &sums {
        for (class, count) in sums
            .classes
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
        {
            let _ = writeln!(
                page.0,
                "portunus_requests_total{{version=\"{route}\",class=\"{class}xx\"}} {count}"
            );
        }
    }
    page.head(
        "request_seconds",
        "histogram",
        "Time from a request's head to its answer's last byte.",
    );
    for (route, sums) in &sums {
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(sums.latency) {
            below += count;
            let seconds = f64::from(*bound) / 1e6;
            let _ = writeln!(
                page.0,
                "portunus_request_seconds_bucket{{version=\"{route}\",le=\"{seconds}\"}} {below}"
            );
        }
        let all = below + sums.latency[BOUNDS.len()];
        let seconds = sums.latency_sum as f64 / 1e6;
        let _ = writeln!(
            page.0,
            "portunus_request_seconds_bucket{{version=\"{route}\",le=\"+Inf\"}} {all}\n\
             portunus_request_seconds_sum{{version=\"{route}\"}} {seconds}\n\
             portunus_request_seconds_count{{version=\"{route}\"}} {all}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    #[test]
    fn workers_are_summed_up() {
        let workers: Vec<Arc<WorkerMetrics>> = vec![Arc::default(), Arc::default()];
        let record = Record {
            status: 429,
            code: Some(Code::RateLimited),
            total_us: 700,
            ..Record::default()
        };
        workers[0].count(&record, Some(3));
        let other = workers[1].clone();
        std::thread::spawn(move || other.count(&record, Some(3)))
            .join()
            .unwrap();
        let gauges = Gauges {
            routes: HashMap::from([(3, "shop/v1".into())]),
            unread: [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            ..Gauges::default()
        };
        let page = page(&workers, &gauges);
        for line in [
            "portunus_requests_total{version=\"shop/v1\",class=\"4xx\"} 2",
            "portunus_refused_total{code=\"rate_limited\"} 2",
            "portunus_config_unreadable{kind=\"version\"} 2",
            "portunus_request_seconds_bucket{version=\"shop/v1\",le=\"0.0005\"} 0",
            "portunus_request_seconds_bucket{version=\"shop/v1\",le=\"0.001\"} 2",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }
}
