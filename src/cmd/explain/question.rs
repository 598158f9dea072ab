//! The command line as a question.

use domain::explain::{Asked, Field, Question};

use crate::cli::Explain;
use crate::settings::Problems;

/// Every problem with the words of the command line.
pub(super) fn read(explain: &Explain) -> Result<Question, Problems> {
    let Some(request) = &explain.request else {
        return Ok(Question {
            request: None,
            request_id: explain.request_id.clone(),
        });
    };
    let mut words = request.split_whitespace();
    let (method, target) = match (words.next(), words.next(), words.next()) {
        (Some(target), None, _) => ("GET", target),
        (Some(method), Some(target), None) => (method, target),
        _ => {
            let sentence = "Give a request as 'GET /path'.";
            return Err(Problems(vec![sentence.to_owned()]));
        }
    };
    let mut wrong = Vec::new();
    let mut headers = Vec::new();
    for (index, text) in explain.header.iter().enumerate() {
        match text.split_once(':') {
            Some((name, value)) => headers.push(Field {
                name: name.to_owned(),
                value: value.trim().to_owned(),
            }),
            // The text is not repeated: it may be a key.
            None => wrong.push(format!("-H number {} is no 'name: value'.", index + 1)),
        }
    }
    let asked = Asked {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        client: explain.client,
        credential: None,
    };
    if wrong.is_empty() {
        wrong = asked
            .check()
            .into_iter()
            .map(|invalid| invalid.message)
            .collect();
    }
    if wrong.is_empty() {
        Ok(Question {
            request: Some(asked),
            request_id: None,
        })
    } else {
        Err(Problems(wrong))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Role};
    use clap::Parser;

    fn question(words: &[&str]) -> Result<Question, Problems> {
        let all = ["portunus", "explain"].iter().chain(words);
        match Cli::try_parse_from(all).unwrap().role {
            Role::Explain(explain) => read(&explain),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn requests_as_they_are_typed() {
        let typed = |words: &[&str]| question(words).unwrap().request.unwrap();
        for (words, method, target) in [
            (&["/x"][..], "GET", "/x"),
            (&["POST /x?a=1"], "POST", "/x?a=1"),
            (&["  DELETE   http://h/x "], "DELETE", "http://h/x"),
        ] {
            let asked = typed(words);
            assert_eq!(
                (asked.method.as_str(), asked.target.as_str()),
                (method, target)
            );
        }
        let asked = typed(&["/x", "-H", "A: b: c", "-H", "B:"]);
        let fields: Vec<_> = asked
            .headers
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_str()))
            .collect();
        assert_eq!(fields, [("A", "b: c"), ("B", "")]);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        let wrong = question(&["/x", "-H", "ptn_live_secret"])
            .unwrap_err()
            .to_string();
        assert!(
            wrong.contains("number 1") && !wrong.contains("secret"),
            "{wrong}"
        );
        for words in [
            &["GET /x y"][..],
            &[""],
            &["G,T /x"],
            &["/x", "-H", "a b: c"],
        ] {
            assert!(question(words).is_err(), "{words:?}");
        }
    }
}
