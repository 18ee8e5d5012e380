//! Topic names, filters and share groups (4.7, 4.8.2).

use quorate_codec::{
    ShareFilter, SubscriptionFilter, TopicError, TopicFilter, TopicLimits, TopicName,
};

#[test]
fn names() {
    for name in [
        "a",
        "/",
        "a//b",
        "/finance",
        "$SYS/x",
        "Accounts payable",
        "ä/ö",
    ] {
        assert_eq!(TopicName::parse(name).map(TopicName::as_str), Ok(name));
    }
    let long = "a".repeat(65_536);
    assert!(TopicName::parse(&long[1..]).is_ok());
    assert_eq!(TopicName::parse(&long), Err(TopicError::TooLong));
    assert_eq!(TopicName::parse(""), Err(TopicError::Empty));
    assert_eq!(TopicName::parse("a\0"), Err(TopicError::NulCharacter));
    assert_eq!(TopicName::parse("a/+"), Err(TopicError::Wildcard));
    assert_eq!(TopicName::parse("#"), Err(TopicError::Wildcard));
}

#[test]
fn filters() {
    let good = [
        "#",
        "+",
        "/",
        "a/#",
        "+/+",
        "+/tennis/#",
        "sport/+/player1",
        "/+",
        "a//b",
        "+/",
    ];
    for filter in good {
        assert_eq!(
            TopicFilter::parse(filter).map(TopicFilter::as_str),
            Ok(filter)
        );
    }
    for filter in [
        "a#", "a/b#", "#/a", "a/#/b", "a+", "+a", "a/b+/c", "##", "++", "#/",
    ] {
        assert_eq!(
            TopicFilter::parse(filter),
            Err(TopicError::WildcardPlace),
            "{filter}"
        );
    }
    assert_eq!(TopicFilter::parse(""), Err(TopicError::Empty));
    assert_eq!(TopicFilter::parse("\0"), Err(TopicError::NulCharacter));
    assert!(!TopicFilter::parse("a/b").expect("valid").has_wildcard());
    assert!(TopicFilter::parse("a/+").expect("valid").has_wildcard());
}

#[test]
fn matching_as_the_standard_tells_it() {
    let cases = [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        (
            "sport/tennis/player1/#",
            "sport/tennis/player1/ranking",
            true,
        ),
        (
            "sport/tennis/player1/#",
            "sport/tennis/player1/score/wimbledon",
            true,
        ),
        ("sport/tennis/player1/#", "sport/tennis/player10", false),
        ("sport/#", "sport", true),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("#", "$SYS/broker", false),
        ("+/monitor/Clients", "$SYS/monitor/Clients", false),
        ("$SYS/#", "$SYS/broker", true),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
        ("#", "a/b", true),
        ("a/b", "a/b", true),
        ("a/b", "a/b/c", false),
        ("a/b/c", "a/b", false),
        ("a/+/c", "a//c", true),
        ("ACCOUNTS", "Accounts", false),
        ("a/+/#", "a", false),
        ("a/+/#", "a/b", true),
    ];
    for (filter, topic, expected) in cases {
        let parsed = TopicFilter::parse(filter).expect("valid");
        assert_eq!(parsed.matches(topic), expected, "{filter} {topic}");
    }
}

#[test]
fn share_groups() {
    let share = ShareFilter::parse("$share/consumer1/sport/tennis/+").expect("valid");
    assert_eq!(share.group(), "consumer1");
    assert_eq!(share.filter().as_str(), "sport/tennis/+");
    assert_eq!(share.as_str(), "$share/consumer1/sport/tennis/+");
    let absolute = SubscriptionFilter::parse("$share/g//finance").expect("valid");
    assert_eq!(
        (absolute.group(), absolute.filter().as_str()),
        (Some("g"), "/finance")
    );
    for (text, error) in [
        ("$share/", TopicError::ShareFilter),
        ("$share/g", TopicError::ShareFilter),
        ("$share/g/", TopicError::ShareFilter),
        ("$share//a", TopicError::ShareName),
        ("$share/g+/a", TopicError::ShareName),
        ("$share/#/a", TopicError::ShareName),
        ("$share/g/a#", TopicError::WildcardPlace),
    ] {
        assert_eq!(SubscriptionFilter::parse(text), Err(error), "{text}");
    }
    let plain = SubscriptionFilter::parse("$shared/g/a").expect("an ordinary filter");
    assert_eq!((plain.group(), plain.as_str()), (None, "$shared/g/a"));
}

#[test]
fn limits() {
    let limits = TopicLimits {
        bytes_max: 8,
        levels_max: 3,
    };
    assert!(limits.admit("abcdefgh") && !limits.admit("abcdefghi"));
    assert!(limits.admit("a/b/c") && !limits.admit("a/b/c/"));
    assert!(limits.admit("//") && !limits.admit("///"));
}
