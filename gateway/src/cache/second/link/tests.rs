//! What Redis says of itself and of what it did not do.

use super::*;

#[test]
fn numbers_come_back_and_nothing_else_is_one() {
    for number in [0, 1, u64::MAX] {
        assert_eq!(generation(written(number).as_bytes()), Some(number));
    }
    for strange in [
        "",
        "1",
        "00000000000000000",
        "000000000000000g",
        "+00000000000000",
    ] {
        assert_eq!(generation(strange.as_bytes()), None, "{strange}");
    }
}

#[test]
fn another_redis_has_another_prefix() {
    let (run, life) = ("0123456789abcdef0", "fedcba9876543210f");
    let server = |run: &str| format!("# Server\r\nrun_id:{run}\r\n");
    let says = |role: &str, life: &str| format!("role:{role}\r\nmaster_replid:{life}\r\n");
    let known = prefix_of(&server(run), &says("master", life)).unwrap();
    assert_eq!(known, "portunus:cache:1:0123456789abcdef-fedcba9876543210:");
    for (run, life) in [(life, life), (run, run)] {
        let other = prefix_of(&server(run), &says("master", life)).unwrap();
        assert_ne!(other, known);
    }
    for (run, role, life) in [
        (run, "slave", life),
        ("", "master", life),
        (run, "master", ""),
        ("0123456789abcde:", "master", life),
    ] {
        let strange = prefix_of(&server(run), &says(role, life));
        assert!(strange.is_err(), "{run} {role} {life}");
    }
}

#[test]
fn failures_say_what_comes_next() {
    for (code, text, means) in [
        ("OOM", "command not allowed", Means::Full),
        (
            "ERR",
            "Error running script: -OOM command not allowed",
            Means::Full,
        ),
        ("WRONGTYPE", "Operation against a key", Means::Strange),
        ("READONLY", "You can't write", Means::Away),
        ("MASTERDOWN", "Link with MASTER is down", Means::Away),
        ("NOPERM", "this user has no permissions", Means::Away),
    ] {
        let line = format!("-{code} {text}\r\n");
        let Ok(value) = redis::parse_redis_value(line.as_bytes()) else {
            panic!("{line}");
        };
        assert_eq!(good(value).unwrap_err().means(), means, "{line}");
    }
    for (failure, means) in [
        (Failure::Late, Means::Late),
        (Failure::Full, Means::Full),
        (Failure::Long, Means::Long),
        (Failure::Other, Means::Away),
        (Failure::Strange, Means::Away),
    ] {
        assert_eq!(failure.means(), means);
    }
}
