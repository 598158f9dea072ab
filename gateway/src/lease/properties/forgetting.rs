//! A Redis that has forgotten things: it was emptied, or came back with what it knew some time ago.

use domain::policy::rate_limit::Overshoot;

use super::cluster::Cluster;
use super::{Round, drain, limit, wait};

#[test]
fn what_redis_forgot_the_nodes_remember() {
    let limit = limit(100, 60, 100);
    let mut cluster = Cluster::new(2, &limit);
    assert_eq!(drain(&mut cluster), 100);
    cluster.forget();
    wait(&mut cluster, 100);
    assert_eq!(drain(&mut cluster), 0);
}

#[test]
fn also_what_nobody_asks_for_at_present_is_remembered() {
    let limit = limit(100, 3600, 100);
    let mut cluster = Cluster::new(2, &limit);
    for _ in 0..80 {
        assert!(cluster.request(0));
        cluster.settle(0, Round::Urgent, true);
    }
    wait(&mut cluster, 5000);
    cluster.forget();
    wait(&mut cluster, 3000);
    let left = drain(&mut cluster);
    assert!((20..=22).contains(&left), "{left}");
}

#[test]
fn what_one_node_says_first_does_not_hide_what_another_remembers() {
    let limit = limit(100, 3600, 100);
    // Redis is emptied, or comes back with what it knew when one request was counted.
    for is_old in [false, true] {
        let mut cluster = Cluster::new(2, &limit);
        assert!(cluster.request(1));
        wait(&mut cluster, 1000);
        let old = cluster.known();
        for _ in 0..80 {
            assert!(cluster.request(0));
            cluster.settle(0, Round::Urgent, true);
        }
        wait(&mut cluster, 200);
        match is_old {
            true => cluster.restore(old),
            false => cluster.forget(),
        }
        assert!(cluster.request(1));
        cluster.settle(1, Round::Urgent, true);
        wait(&mut cluster, 100);
        assert!(cluster.request(0));
        wait(&mut cluster, 3000);
        let left = drain(&mut cluster);
        assert!((16..=21).contains(&left), "{is_old}: {left}");
    }
}

#[test]
fn a_redis_that_forgets_adds_no_more_than_one_that_is_lost() {
    let limit = limit(100, 3600, 100);
    let Overshoot { late: _, lost } = limit.overshoot(2);
    // All goes to the node that knew nothing of it, before the other one says anything.
    for is_lost_before in [false, true] {
        let mut cluster = Cluster::new(2, &limit);
        for _ in 0..200 {
            cluster.request(0);
            cluster.settle(0, Round::Urgent, true);
        }
        cluster.forget();
        if is_lost_before {
            cluster.is_lost = true;
            wait(&mut cluster, 100);
            for _ in 0..200 {
                cluster.request(1);
            }
            cluster.is_lost = false;
        }
        for _ in 0..200 {
            cluster.request(1);
            cluster.settle(1, Round::Urgent, true);
        }
        let excess = cluster.excess();
        assert!((40..=lost).contains(&excess), "{excess}, {lost} stated");
        wait(&mut cluster, 3000);
        assert_eq!(drain(&mut cluster), 0);
    }
}
