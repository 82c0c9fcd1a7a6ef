//! Conditional requests (RFC 9110, section 13).

use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, header};
use storage_adapter::{TreeError, Version, WriteCondition};

use crate::kernel::problem::Failure;
use crate::kernel::work::look;

/// The content of a header with entity tags.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Tags {
    /// No such header.
    Absent,
    /// `*`.
    Any,
    /// A list.
    List(Vec<Tag>),
}

/// One entity tag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Tag {
    pub(super) weak: bool,
    pub(super) quoted: bool,
    pub(super) value: String,
}

impl Tags {
    /// Reads a header; several header lines form one list.
    pub(super) fn read(headers: &HeaderMap, name: HeaderName) -> Result<Self, Failure> {
        let mut list = Vec::new();
        let mut found = false;
        for value in headers.get_all(&name) {
            found = true;
            let text = value.to_str().map_err(|_| invalid(&name))?.trim();
            if text == "*" {
                return Ok(Self::Any);
            }
            parse_list(text, &mut list).ok_or_else(|| invalid(&name))?;
        }
        Ok(if found {
            Self::List(list)
        } else {
            Self::Absent
        })
    }

    /// Reads a header of a write. An empty header must not let the write through, nor must a malformed tag that no
    /// version has; so for conditions that write unless a tag matches, all tags must be quoted.
    fn of_write(headers: &HeaderMap, name: HeaderName) -> Result<Self, Failure> {
        let tags = Self::read(headers, name.clone())?;
        match &tags {
            Self::List(list)
                if list.is_empty()
                    || (name == IF_NONE_MATCH && list.iter().any(|tag| !tag.quoted)) =>
            {
                Err(invalid(&name))
            }
            _ => Ok(tags),
        }
    }

    /// Checks an `If-Match` of a read against the current state; the comparison is strong (RFC 9110, section 13.1.1). A
    /// missing item is 404 whatever the header says (section 13.2.1).
    ///
    /// # Errors
    /// 412: the header does not name the current version.
    pub(super) fn check_match(&self, current: &Version) -> Result<(), Failure> {
        let matches = match self {
            Self::Absent | Self::Any => true,
            Self::List(tags) => tags.iter().any(|tag| !tag.weak && tag.value == current.0),
        };
        if matches {
            return Ok(());
        }
        let current = Some(current.clone());
        Err(TreeError::Precondition { current }.into())
    }

    /// Returns the listed versions, without weak ones if the comparison has to be strong.
    pub(super) fn versions(self, strong: bool) -> Vec<Version> {
        match self {
            Self::List(tags) => tags
                .into_iter()
                .filter(|tag| !(strong && tag.weak))
                .map(|tag| Version(tag.value))
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn invalid(name: &HeaderName) -> Failure {
    Failure::bad_request(format!(
        "the header {name} is not * or a list of entity tags in double quotes"
    ))
}

/// Parses `"a", W/"b"`; an unquoted tag, as some clients send it, is accepted.
fn parse_list(mut text: &str, list: &mut Vec<Tag>) -> Option<()> {
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        if text.is_empty() {
            return Some(());
        }
        let weak = text.starts_with("W/\"");
        if weak {
            text = &text[2..];
        }
        // Within quotes a space is accepted, as some test suites send it: no version has one.
        let quoted = text.starts_with('"');
        let (value, rest) = match text.strip_prefix('"') {
            Some(text) => text.split_once('"')?,
            None => text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len())),
        };
        let valid = !value.is_empty() && !value.contains('"');
        if !valid || !(rest.is_empty() || rest.starts_with([',', ' ', '\t'])) {
            return None;
        }
        look(text.len() - rest.len());
        list.push(Tag {
            weak,
            quoted,
            value: value.to_owned(),
        });
        text = rest;
    }
}

/// Returns the condition of a PUT or DELETE.
pub(super) fn write_condition(headers: &HeaderMap) -> Result<WriteCondition, Failure> {
    let matching = Tags::of_write(headers, IF_MATCH)?;
    let none_matching = Tags::of_write(headers, IF_NONE_MATCH)?;
    match (matching, none_matching) {
        (Tags::Absent, Tags::Absent) => Ok(WriteCondition::None),
        (Tags::Absent, Tags::Any) => Ok(WriteCondition::IfAbsent),
        (Tags::Any, Tags::Absent) => Ok(WriteCondition::IfExists),
        (tags @ Tags::List(_), Tags::Absent) => Ok(WriteCondition::IfMatch(tags.versions(true))),
        // The comparison is weak (RFC 9110, section 13.1.2).
        (Tags::Absent, tags @ Tags::List(_)) => Ok(WriteCondition::IfNoneOf(tags.versions(false))),
        (_, _) => Err(Failure::bad_request(
            "a write takes If-Match or If-None-Match, not both",
        )),
    }
}

/// Returns the entity tag of `If-Range` if it is a strong one, or one that matches nothing.
pub(super) fn if_range(headers: &HeaderMap) -> Option<IfRange> {
    let text = headers.get(header::IF_RANGE)?.to_str().unwrap_or("").trim();
    Some(
        match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
            Some(tag) => IfRange::Version(Version(tag.to_owned())),
            None if text.ends_with("GMT") => IfRange::Date(text.to_owned()),
            None => IfRange::Never,
        },
    )
}

/// When a range may be served (RFC 9110, section 13.1.5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum IfRange {
    /// If this is the current version.
    Version(Version),
    /// If this is exactly the time of the last change.
    Date(String),
    /// Weak or malformed: never.
    Never,
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[&str]) -> Result<Tags, Failure> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
        }
        Tags::read(&headers, IF_NONE_MATCH)
    }

    fn versions(values: &[&str], strong: bool) -> Vec<String> {
        let versions = read(values).unwrap().versions(strong);
        versions.into_iter().map(|version| version.0).collect()
    }

    #[test]
    fn reads_lists() {
        assert_eq!(versions(&["\"a\",\"b\" , W/\"c\""], false), ["a", "b", "c"]);
        assert_eq!(versions(&["\"a\", W/\"c\"", "\"d\""], true), ["a", "d"]);
        assert_eq!(versions(&["\"a,b\""], true), ["a,b"]);
        assert_eq!(versions(&["abc, \"d\""], true), ["abc", "d"]);
        assert_eq!(versions(&["\"match me\", \"d\""], true), ["match me", "d"]);
        assert_eq!(read(&["*"]).unwrap(), Tags::Any);
        assert_eq!(read(&[]).unwrap(), Tags::Absent);
        for bad in ["\"a", "\"a\"b", "\"\"", "a\"b"] {
            assert!(read(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_condition_that_says_nothing_writes_nothing() {
        let condition = |name: HeaderName, value: &'static str| {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            write_condition(&headers)
        };
        for bad in ["", ",,,,", "abc", "\"a\", abc", "*, \"a\""] {
            assert!(condition(IF_NONE_MATCH, bad).is_err(), "{bad}");
        }
        for bad in ["", ",,,,"] {
            assert!(condition(IF_MATCH, bad).is_err(), "{bad}");
        }
        for (text, tag) in [("\"match me\"", "match me"), ("abc", "abc")] {
            let read = condition(IF_MATCH, text).unwrap();
            assert_eq!(read, WriteCondition::IfMatch(vec![Version(tag.to_owned())]));
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_reads_what_it_should(text in "[ -~]{0,40}", tags in prop::collection::vec("[!#-~]{1,8}", 0..5)) {
            let _ = read(&[&text]);
            let list: Vec<String> = tags.iter().map(|tag| format!("\"{tag}\"")).collect();
            if !tags.is_empty() {
                prop_assert_eq!(versions(&[&list.join(", ")], true), tags);
            }
        }
    }
}
