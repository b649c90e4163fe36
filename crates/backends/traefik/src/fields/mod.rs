//! The fields of Traefik's dynamic configuration (3.7), and whether a value fits them.
//!
//! Traefik stops reading its whole directory at the first field it does not know, and says so in its
//! log alone. So what we write is checked here first, and what others wrote on request.
//!
//! Source: Traefik documentation, "Dynamic configuration: file", and its behaviour.

mod check;
mod compare;

pub(crate) use check::{Misfit, Reading, check, check_middleware};
pub(crate) use compare::{shows, without_login, without_secrets};

/// Structures by name: `field:type` each. A type is a text `t`, a switch `b`, an integer `i`, a
/// duration `d`, a secret text `s`, anything `?`, the name of a structure, a list `[type]` or a map
/// `{type}`. A structure whose name ends in `*` may be empty.
const STRUCTURES: [(&str, &str); 65] = [
    ("Root", "http:Http tcp:Tcp udp:Udp tls:Tls"),
    (
        "Http",
        "routers:{Router} services:{Service} middlewares:{Middleware} models:{?} serversTransports:{Transport}",
    ),
    (
        "Router",
        "entryPoints:[t] middlewares:[t] service:t rule:t parentRefs:[t] ruleSyntax:t priority:i tls:RouterTls* observability:Observability",
    ),
    ("RouterTls*", "options:t certResolver:t domains:[Domain]"),
    ("Domain", "main:t sans:[t]"),
    (
        "Observability",
        "accessLogs:b metrics:b tracing:b traceVerbosity:t metadata:?",
    ),
    (
        "Service",
        "middlewares:[t] loadBalancer:LoadBalancer highestRandomWeight:Hashed weighted:Weighted mirroring:Mirroring failover:Failover",
    ),
    (
        "LoadBalancer",
        "sticky:Sticky servers:[Server] strategy:t healthCheck:HealthCheck passiveHealthCheck:Passive passHostHeader:b responseForwarding:Forwarding serversTransport:t nginxUpstreamHashBy:t",
    ),
    ("Server", "url:t weight:i preservePath:b fenced:b"),
    ("Sticky", "cookie:Cookie*"),
    (
        "Cookie*",
        "name:t secure:b httpOnly:b sameSite:t maxAge:i path:t domain:t",
    ),
    (
        "HealthCheck",
        "scheme:t mode:t path:t method:t status:i port:i interval:d unhealthyInterval:d timeout:d hostname:t followRedirects:b headers:{s}",
    ),
    ("Passive", "failureWindow:d maxFailedAttempts:i"),
    ("Forwarding", "flushInterval:d"),
    (
        "Weighted",
        "services:[WeightedService] sticky:Sticky healthCheck:?",
    ),
    ("WeightedService", "name:t weight:i"),
    ("Hashed", "services:[WeightedService] healthCheck:?"),
    (
        "Mirroring",
        "service:t mirrorBody:b maxBodySize:i mirrors:[Mirror] healthCheck:?",
    ),
    ("Mirror", "name:t percent:i"),
    (
        "Failover",
        "service:t fallback:t healthCheck:? errors:FailoverErrors",
    ),
    ("FailoverErrors", "maxRequestBodyBytes:i status:[t]"),
    (
        "Transport",
        "serverName:t insecureSkipVerify:b rootCAs:[t] certificates:[KeyPair] cipherSuites:[t] minVersion:t maxVersion:t maxIdleConnsPerHost:i forwardingTimeouts:Timeouts disableHTTP2:b peerCertURI:t peerCertSANs:[?] spiffe:Spiffe",
    ),
    ("KeyPair", "certFile:t keyFile:s stores:[t]"),
    (
        "Timeouts",
        "dialTimeout:d responseHeaderTimeout:d idleConnTimeout:d readIdleTimeout:d pingTimeout:d",
    ),
    ("Spiffe", "ids:[t] trustDomain:t"),
    (
        "Middleware",
        "addPrefix:AddPrefix stripPrefix:StripPrefix stripPrefixRegex:StripPrefixRegex replacePath:ReplacePath replacePathRegex:Regex chain:Chain ipWhiteList:IpList ipAllowList:IpList headers:Headers encodedCharacters:EncodedCharacters errors:ErrorPage rateLimit:RateLimit redirectRegex:RedirectRegex redirectScheme:RedirectScheme basicAuth:Auth digestAuth:Auth forwardAuth:ForwardAuth inFlightReq:InFlight buffering:Buffering circuitBreaker:CircuitBreaker compress:Compress* passTLSClientCert:PassCert retry:Retry contentType:ContentType* grpcWeb:GrpcWeb plugin:{?} requestHeaderModifier:? responseHeaderModifier:? requestRedirect:? URLRewrite:? authTLSPassCertificateToUpstream:? snippet:? rewriteTarget:? upstreamVHost:? appRoot:?",
    ),
    ("AddPrefix", "prefix:t"),
    ("StripPrefix", "prefixes:[t] forceSlash:b"),
    ("StripPrefixRegex", "regex:[t]"),
    ("ReplacePath", "path:t"),
    ("Regex", "regex:t replacement:t"),
    ("Chain", "middlewares:[t]"),
    (
        "IpList",
        "sourceRange:[t] ipStrategy:IpStrategy rejectStatusCode:i",
    ),
    ("IpStrategy", "depth:i excludedIPs:[t] ipv6Subnet:i"),
    (
        "Headers",
        "customRequestHeaders:{s} customResponseHeaders:{t} accessControlAllowCredentials:b accessControlAllowHeaders:[t] accessControlAllowMethods:[t] accessControlAllowOriginList:[t] accessControlAllowOriginListRegex:[t] accessControlExposeHeaders:[t] accessControlMaxAge:i addVaryHeader:b allowedHosts:[t] hostsProxyHeaders:[t] sslProxyHeaders:{t} stsSeconds:i stsIncludeSubdomains:b stsPreload:b forceSTSHeader:b frameDeny:b customFrameOptionsValue:t contentTypeNosniff:b browserXssFilter:b customBrowserXSSValue:t contentSecurityPolicy:t contentSecurityPolicyReportOnly:t publicKey:t referrerPolicy:t permissionsPolicy:t isDevelopment:b featurePolicy:t sslRedirect:b sslTemporaryRedirect:b sslHost:t sslForceHost:b",
    ),
    (
        "EncodedCharacters",
        "allowEncodedSlash:b allowEncodedBackSlash:b allowEncodedNullCharacter:b allowEncodedSemicolon:b allowEncodedPercent:b allowEncodedQuestionMark:b allowEncodedHash:b",
    ),
    (
        "ErrorPage",
        "status:[t] statusRewrites:{i} service:t query:t errorRequestHeaders:[t] nginxHeaders:?",
    ),
    (
        "RateLimit",
        "average:i period:d burst:i sourceCriterion:Source redis:Redis",
    ),
    (
        "Source",
        "ipStrategy:IpStrategy requestHeaderName:t requestHost:b",
    ),
    (
        "Redis",
        "endpoints:[t] tls:ClientTls username:t password:s db:i poolSize:i minIdleConns:i maxActiveConns:i readTimeout:d writeTimeout:d dialTimeout:d",
    ),
    (
        "ClientTls",
        "ca:t cert:t key:s insecureSkipVerify:b caOptional:b",
    ),
    ("RedirectRegex", "regex:t replacement:t permanent:b"),
    ("RedirectScheme", "scheme:t port:t permanent:b"),
    (
        "Auth",
        "users:[s] usersFile:t realm:t removeHeader:b headerField:t",
    ),
    (
        "ForwardAuth",
        "address:t tls:ClientTls trustForwardHeader:b authResponseHeaders:[t] authResponseHeadersRegex:t authRequestHeaders:[t] maxResponseBodySize:i addAuthCookiesToResponse:[t] headerField:t forwardBody:b maxBodySize:i preserveLocationHeader:b preserveRequestMethod:b authSigninURL:t",
    ),
    ("InFlight", "amount:i sourceCriterion:Source"),
    (
        "Buffering",
        "maxRequestBodyBytes:i memRequestBodyBytes:i maxResponseBodyBytes:i memResponseBodyBytes:i retryExpression:t disableRequestBuffer:b disableResponseBuffer:b",
    ),
    (
        "CircuitBreaker",
        "expression:t checkPeriod:d fallbackDuration:d recoveryDuration:d responseCode:i",
    ),
    (
        "Compress*",
        "excludedContentTypes:[t] includedContentTypes:[t] minResponseBodyBytes:i encodings:[t] defaultEncoding:t",
    ),
    ("PassCert", "pem:b info:?"),
    (
        "Retry",
        "attempts:i timeout:d initialInterval:d maxRequestBodyBytes:i status:[t] disableRetryOnNetworkError:b retryNonIdempotentMethod:b",
    ),
    ("ContentType*", "autoDetect:b"),
    ("GrpcWeb", "allowOrigins:[t]"),
    (
        "Tcp",
        "routers:{TcpRouter} services:{TcpService} middlewares:{TcpMiddleware} serversTransports:{?} models:{?}",
    ),
    (
        "TcpRouter",
        "entryPoints:[t] middlewares:[t] service:t rule:t ruleSyntax:t priority:i tls:TcpTls*",
    ),
    (
        "TcpTls*",
        "passthrough:b options:t certResolver:t domains:[Domain]",
    ),
    ("TcpService", "loadBalancer:TcpBalancer weighted:Weighted"),
    (
        "TcpBalancer",
        "servers:[TcpServer] serversTransport:t proxyProtocol:? terminationDelay:i healthCheck:?",
    ),
    ("TcpServer", "address:t tls:b"),
    (
        "TcpMiddleware",
        "inFlightConn:? ipWhiteList:IpList ipAllowList:IpList",
    ),
    ("Udp", "routers:{UdpRouter} services:{UdpService}"),
    ("UdpRouter", "entryPoints:[t] service:t"),
    ("UdpService", "loadBalancer:UdpBalancer weighted:Weighted"),
    ("UdpBalancer", "servers:[TcpServer]"),
    ("Tls", "certificates:[KeyPair] options:{?} stores:{?}"),
];

/// The types of HTTP middleware of any provider.
pub(crate) fn all_middleware_types() -> impl Iterator<Item = &'static str> {
    fields("Middleware").map(|(name, _)| name)
}

fn fields(structure: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    STRUCTURES
        .iter()
        .find(|(name, _)| *name == structure)
        .into_iter()
        .flat_map(|(_, fields)| fields.split_whitespace())
        .filter_map(|field| field.split_once(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_used_is_there() {
        for (structure, list) in STRUCTURES {
            for field in list.split_whitespace() {
                let (name, of) = field.split_once(':').unwrap();
                let of = of.trim_matches(['[', ']', '{', '}']);
                let known = matches!(of, "t" | "b" | "i" | "d" | "s" | "?")
                    || STRUCTURES.iter().any(|(name, _)| *name == of);
                assert!(known, "{structure}.{name}: {of}");
            }
        }
    }
}
