//! What attacks look like. One list for all groups, so that a text is gone through once; each entry
//! asks for enough of an attack that names, prose and markup without harm do not have it.
//!
//! Patterns are of the `regex` crate: they take time that grows with the text alone.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::Group;

/// What is encoded twice.
const TWICE: &str = r"%(?:25)+(?:2e|2f|5c|3c|3e|22|27|00|0a|0d|25)";
const BACKSLASH: &str = "%5c";

/// Letters of either case; `.` is any byte.
const ALL: &[(Group, &str)] = &[
    // An alternative that always holds, behind a quote that ends the text.
    (
        Group::Sql,
        r#"['"`][\s)]*(?:(?:x?or|and)\b|\|\||&&)[\s('"]*(?:\d+|[^'"\s]*['"])[\s'")]*(?:=|<>|!=|<|>|like\s*['"%(])"#,
    ),
    (
        Group::Sql,
        r#"['"`][\s)]*(?:(?:x?or|and)\b|\|\||&&)\s*(?:(?:true|not\s+false)\s*(?:--|#|;|/\*|$)|\d+\s*(?:--|#|;|/\*))"#,
    ),
    (
        Group::Sql,
        r"\b(?:or|and)\b[\s(/*!]+(?:0\s*=\s*0|1\s*=\s*1|2\s*=\s*2|3\s*=\s*3|4\s*=\s*4|5\s*=\s*5|6\s*=\s*6|7\s*=\s*7|8\s*=\s*8|9\s*=\s*9)\b",
    ),
    // What follows is a comment.
    (Group::Sql, r#"['"]\s*\)*\s*;?\s*(?:--[\s+-]*|#\s*)$"#),
    (Group::Sql, r#"\w['"]\s*\)*\s*/\*"#),
    (
        Group::Sql,
        r#"\bunion\b[\s/*!()+]+(?:(?:all|distinct)\b[\s/*!()+]+)?select\b[\s/*!(+]+(?:null\b|[\d'"@*]|[\w.]+\(|(?:[\w.]+\s*,\s*)+[\w.*'"]+\s+from\b)"#,
    ),
    (
        Group::Sql,
        r"\bselect\b\s+(?:\*\s+from\b|count\s*\(|@@|concat\s*\(|char\s*\(|load_file\s*\()",
    ),
    // A statement behind another.
    (
        Group::Sql,
        r"[;]\s*(?:drop|truncate)\s+(?:table|database|schema|view|user)\s+\w",
    ),
    (
        Group::Sql,
        r#"['"\d][\s)]*;\s*(?:(?:alter|create)\s+(?:table|database|schema|view|user|procedure|function)\s+\w|insert\s+into\s+\w|delete\s+from\s+\w+\s*(?:where\b|--|;|$)|update\s+\w+\s+set\s|exec(?:ute)?[\s(]+(?:xp_|sp_|master\b|immediate\b|[@('])|declare\s+@|select\s+(?:[*@'"\d(]|\w+\()|shutdown\s*(?:;|--|$))"#,
    ),
    (
        Group::Sql,
        r#"['"\d][\s)]*\b(?:order|group)\s+by\s+\d+\s*(?:--|#|/\*|;|,\s*\d)"#,
    ),
    (
        Group::Sql,
        r"\b(?:pg_sleep|benchmark|extractvalue|updatexml|xp_cmdshell|xp_dirtree|sp_executesql|load_file|dbms_pipe\.receive_message|dbms_lock\.sleep|utl_http\.request|utl_inaddr\.get_host_name|randomblob)\(",
    ),
    (
        Group::Sql,
        r#"\bsleep\(\s*\d|\bwaitfor\s+(?:delay|time)\s+['"]"#,
    ),
    (
        Group::Sql,
        r"\binformation_schema\s*\.|\bpg_catalog\s*\.|\bsqlite_(?:temp_)?(?:master|schema)\b|\bsys\.(?:databases|objects|columns|tables|schema)\b|\bmysql\.user\b|@@(?:version|datadir|hostname)\b",
    ),
    (
        Group::Sql,
        r#"\binto\s+(?:out|dump)file\s*['"]|\b(?:char|chr|unhex)\(\s*(?:0x[\da-f]|\d{2,3}\s*\)?\s*[,|+])"#,
    ),
    (
        Group::Nosql,
        r"\[\s*\$(?:ne|eq|gte?|lte?|n?in|regex|where|exists|or|and|nor|not|expr|type|elemmatch|func)\s*\]",
    ),
    (
        Group::Nosql,
        r"^\$(?:ne|gte?|lte?|nin|regex|where|exists|expr|elemmatch|function|accumulator)$",
    ),
    (
        Group::Nosql,
        r#"\$(?:where|expr|function)['"]?\s*:\s*['"{f]"#,
    ),
    (
        Group::Xss,
        r"<(?:script|iframe|svg|applet|frameset|noscript|marquee)(?:[\s/>]|$)",
    ),
    (
        Group::Xss,
        r"<(?:object|embed|base|meta|math|link|form|isindex|portal)[\s/][^>]*=",
    ),
    // A handler in a tag, or in one that a quote ends.
    (Group::Xss, r#"<[a-z!/?][^>]*[\s"'/]on[a-z]{4,}\s*="#),
    (
        Group::Xss,
        r#"["'`][\s/]*on(?:error|load|click|dblclick|mouse\w+|pointer\w+|focus(?:in|out)?|blur|toggle|begin|end|repeat|key\w+|animation\w+|transition\w+|change|submit|input|wheel|drag\w*|drop|copy|cut|paste|scroll\w*|hashchange|message)\s*="#,
    ),
    (
        Group::Xss,
        r"\bj[\t\r\n]*a[\t\r\n]*v[\t\r\n]*a[\t\r\n]*s[\t\r\n]*c[\t\r\n]*r[\t\r\n]*i[\t\r\n]*p[\t\r\n]*t[\t\r\n]*:(?:[\[('%]|/[/*]|\s*(?:(?:alert|eval|confirm|prompt|fetch|atob|import|open|throw)\s?[(`]|(?:document|window|location|top|parent|self|this|globalthis)[.\[=]|void\s*[(0]|\w+[(=`]))",
    ),
    (
        Group::Xss,
        r"\bvbscript\s*:\s*\w+\s*[(\x22]|\bdata:\s*(?:text/html|application/xhtml\+xml)[;,]",
    ),
    (
        Group::Xss,
        r"\bdocument\.(?:cookie|write(?:ln)?\(|domain\s*=|location\s*[.=])|\bwindow\.location\s*[.=]|\.(?:inner|outer)html\s*=",
    ),
    (
        Group::Xss,
        r#"\b(?:eval|settimeout|setinterval|function)\(\s*(?:atob|unescape|string\.fromcharcode|['"`]alert)|\bstring\.fromcharcode\("#,
    ),
    (
        Group::Xss,
        r"<[a-z][^>]*\b(?:href|src|action|formaction|data|poster)\s*=[\s\x22'`]*(?:javascript|vbscript|data:text/html|&#)",
    ),
    (
        Group::Xss,
        r"<!\[cdata\[.*<script|<style[^>]*>.*(?:@import|expression\()|\bsrcdoc\s*=[\s]*[\x22']",
    ),
    (Group::Traversal, r"(?:\.\.[/\\]+){2}"),
    (
        Group::Traversal,
        r"\.\.[/\\]+(?:etc|proc|var|usr|root|home|windows|winnt|boot\.ini|web-inf|meta-inf|\.(?:env|git|ssh|aws|htaccess|htpasswd))\b",
    ),
    (
        Group::Traversal,
        r"(?:^|[\s=:,'\x22(])/+(?:etc/+(?:passwd|shadow|sudoers|ssh/)|proc/+(?:self|\d+|version|cmdline)\b|root/\.)",
    ),
    (
        Group::Traversal,
        r"\b[a-z]:[/\\]+(?:windows|winnt|boot\.ini|inetpub)\b|\bwindows[/\\]+(?:system32|win\.ini)|\bweb-inf[/\\]",
    ),
    (
        Group::Traversal,
        r"\b(?:file|gopher|dict|phar|expect|netdoc)://|\bphp://(?:filter|input|stdin)|\bdata://text/plain",
    ),
    (
        Group::Traversal,
        r"\.\.;[/\\]|\.{3,}[/\\]{2,}|(?:^|/)\.(?:env|git/config|ssh/|aws/credentials|htpasswd)(?:$|[\s?#&])",
    ),
    (
        Group::Command,
        r"[;|&\n]\s*(?:sudo\s+)?(?:cat|head|tail|tac|xxd)\s+(?:-\w+\s+)?(?:/\w|\.{1,2}/|~/|\$\{?[a-z_]|\*)",
    ),
    (
        Group::Command,
        r"[;|&\n`(]\s*(?:sudo\s+)?(?:wget|curl|lynx|aria2c)\s+(?:-{1,2}\w|['\x22]?(?:https?|ftp)://|\d+\.\d+\.)",
    ),
    (
        Group::Command,
        r"[;|&\n`(]\s*(?:nc|ncat|netcat|telnet|socat|nslookup|dig|ping)\s+(?:-\w|\d+\.\d+\.|[\w-]+\.[\w.-]+)",
    ),
    (
        Group::Command,
        r"(?:;|\|\|?|&&?|\$\()\s*(?:whoami|uname|ifconfig|ipconfig|netstat|printenv|systeminfo|phpinfo\(|lsof)\b",
    ),
    (
        Group::Command,
        r"(?:;|\|\|?|&&)\s*(?:ls|dir|ps|rm|mv|cp|chmod|chown|kill|touch|mkdir|sleep|find|grep|sed|awk|tar|crontab)\s+(?:-\w|/|\d+\s*(?:$|[;|&#]))|&&\s*id\b",
    ),
    (
        Group::Command,
        r"\$\(\s*(?:/[\w/]*/)?(?:cat|ls|id|whoami|uname|wget|curl|nc|bash|sh|python\d?|perl|ruby|php|ping|nslookup|dig|sleep|echo|rm|touch|printf|env|base64)\b",
    ),
    (
        Group::Command,
        r"`\s*(?:/[\w/]*/)?(?:nslookup\s+\w|ping\s+-[cn]\b|sleep\s+\d|nc\s+-\w|id`|whoami`|cat\s+/etc/)",
    ),
    (
        Group::Command,
        r"(?:^|[\s;|&`(=])/(?:usr/(?:local/)?)?s?bin/(?:(?:ba|z|k|c|da|a)?sh|cat|ls|id|nc|netcat|python\d?|perl|wget|curl|ping|sleep|whoami|uname|env|rm)\b",
    ),
    (
        Group::Command,
        r"/dev/(?:tcp|udp)/|\b(?:ba|z|k)?sh\s+-[ic]+\s|\|\s*(?:ba|z|da)?sh\b\s*(?:$|[-;|&<])|\bn(?:et)?c(?:at)?\s+-[a-z]*[elp][a-z]*\s|\brm\s+-[rf]+\s+[/~*.$]",
    ),
    (
        Group::Command,
        r"\bcmd(?:\.exe)?\s+/[ck]\b|\bpowershell(?:\.exe)?\s+-(?:e|en|enc|encodedcommand|nop|noprofile|w|c|command|ep|exec)\b|\bcertutil(?:\.exe)?\s+-urlcache|\b(?:regsvr32|mshta|bitsadmin|rundll32)(?:\.exe)?\s+[/\w]",
    ),
    (
        Group::Command,
        r"\$\{?ifs\b|\(\)\s*\{[^}]*\}\s*;|\b(?:system|passthru|shell_exec|proc_open|popen|pcntl_exec|assert|create_function)\((?:['\x22$]|base64_decode)|\b__import__\b|\brequire\(\s*['\x22]child_process|\bsubprocess\.(?:popen|call|run|check_output)\b|\bos\.(?:system|popen)\(",
    ),
    // Lookups of loggers, plain or spelt by parts.
    (
        Group::Template,
        r"\$\{\s*(?:jndi|lower|upper|env|sys|ctx|java|main|bundle|base64|k8s|docker|spring|script|dns|url|log4j|sd|map|web)\s*:",
    ),
    (
        Group::Template,
        r"\$\{[^{}]*\$\{|\$\{\s*:*-|\bjndi\s*:\s*(?:ldaps?|rmi|dns|iiop|nis|corba|https?)\b",
    ),
    (
        Group::Template,
        r"\{\{[^}]*(?:\d\s*\*\s*['\x22]?\d|__\w+__|\bconstructor\b|\bcycler\b|\blipsum\b|\bjoiner\b|popen|getclass|forname|\bself\._|\|\s*attr\b|\bconfig\.(?:items|__)|\brequest\.(?:application|__))",
    ),
    (
        Group::Template,
        r"[$#@*]\{[^}]*(?:\d\s*\*\s*\d|\bt\s*\(\s*java|@?java\.(?:lang|io|util)|\bruntime[.(]|getclass|processbuilder|\bnew\s+\w+\s*\(|forname)",
    ),
    (
        Group::Template,
        r"<%=?[^%]*(?:\d\s*\*\s*\d|\bsystem\b|\bexec\b|file\.(?:open|read)|`|runtime\.)|\{php\}|\{%[^%]*(?:__\w+__|\bimport\b|\bdebug\b)|#set\s*\(\s*\$|<#assign\s|\bfreemarker\.template\.utility\b",
    ),
    (
        Group::Template,
        r"__(?:class|mro|subclasses|globals|builtins)__|\bclass\.module\.classloader\b|\b(?:getruntime|getdeclaredmethods?|newinstance)\(|\bjavax?\.(?:lang\.runtime|script\.scriptenginemanager|naming\.)",
    ),
    (
        Group::Template,
        r"<!entity\s|<!doctype[^>\[]*\[|<xi:include\s|<!--\s*#\s*(?:exec|include|echo|config|set)\b|<esi:(?:include|inline|debug|vars)",
    ),
    // Encoded once more than a reader needs.
    (Group::Encoding, TWICE),
    (Group::Encoding, BACKSLASH),
    (
        Group::Encoding,
        r"%2e(?:%2e|\.)|\.%2e|%00|%c0%a[ef]|%e0%80%a[ef]|%u(?:00|ff)[\da-f]{2}",
    ),
    (
        Group::Encoding,
        r"\x00|[\r\n]\s*(?:set-cookie|content-length|transfer-encoding)\s*:|[\r\n]+http/\d(?:\.\d)?\s+\d{3}\s",
    ),
    (Group::Encoding, r"\xc0[\xae\xaf]|\xe0\x80[\xae\xaf]"),
];

/// All of them, and the group of each.
pub(super) struct BuiltIn {
    pub(super) set: RegexSet,
    pub(super) groups: Box<[Group]>,
    /// Those that queries of addresses have without harm: an address in an address is encoded twice.
    pub(super) of_queries: Box<[bool]>,
}

/// Compiled at its first use, for the whole process.
pub(super) static BUILT_IN: LazyLock<BuiltIn> = LazyLock::new(|| {
    let patterns = ALL.iter().map(|(_, pattern)| pattern);
    let set = RegexSetBuilder::new(patterns)
        .case_insensitive(true)
        .unicode(false)
        .dot_matches_new_line(true)
        .build();
    BuiltIn {
        // They are ours, and tested: this is not met.
        set: set.unwrap_or_else(|_| RegexSet::empty()),
        groups: ALL.iter().map(|(group, _)| *group).collect(),
        of_queries: ALL
            .iter()
            .map(|(_, pattern)| [TWICE, BACKSLASH].contains(pattern))
            .collect(),
    }
});

/// Bytes of all of a policy's own patterns together, compiled. What takes more is gone through by
/// slower means than a table of states.
const MOST_COMPILED: usize = 32 * 1024;
/// Bytes of their table of states.
const MOST_STATES: usize = 1024 * 1024;

/// Own patterns that are in use: a policy of many routes has them once.
static KNOWN: LazyLock<Mutex<HashMap<Vec<String>, Weak<RegexSet>>>> = LazyLock::new(Mutex::default);

/// A policy's own patterns together, of bytes: none where there are none. `Err`: one is none, or
/// they are too large.
pub(super) fn own(patterns: &[String]) -> Result<Option<Arc<RegexSet>>, regex::Error> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known().get(patterns).and_then(Weak::upgrade);
    if found.is_some() {
        return Ok(found);
    }
    let mut build = RegexSetBuilder::new(patterns);
    let build = build
        .unicode(false)
        .size_limit(MOST_COMPILED)
        .dfa_size_limit(MOST_STATES);
    let built = Arc::new(build.build()?);
    let mut known = known();
    // Now and then those are forgotten that nobody uses.
    if known.len().is_power_of_two() {
        known.retain(|_, one| one.strong_count() > 0);
    }
    known.insert(patterns.to_vec(), Arc::downgrade(&built));
    Ok(Some(built))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_ones_are_compiled_once() {
        let patterns = ["once-[0-9]+".to_owned()];
        let (one, other) = (own(&patterns).unwrap(), own(&patterns).unwrap());
        assert!(Arc::ptr_eq(&one.unwrap(), &other.unwrap()));
        assert!(own(&[]).unwrap().is_none());
    }

    #[test]
    fn each_compiles() {
        for (_, pattern) in ALL {
            let one = RegexSetBuilder::new([pattern]).unicode(false).build();
            assert!(one.is_ok(), "{pattern}: {one:?}");
        }
        assert_eq!(BUILT_IN.set.len(), ALL.len());
    }
}
