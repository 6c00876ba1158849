"""The authority's HTTPS interface, as other rooms call it. JSON unless said; bytes are base64.

Who calls is the client certificate (``O=endpoint|service|subscriber|operator``, ``CN`` the name);
only enrolment comes without one. A refusal is 403 with ``{"error": code, "detail": sentence}``,
a thing that is not there 404, a log or key store that cannot answer 503 (nothing was released).
"""

# POST, no certificate: {token, signing_key, csr (PEM)} ->
#   {device (hex), person, group, tag_secret, certificate (PEM), broker_ca (PEM), bootstrap,
#    root_key, policy (Signed, framed), keyset (Signed, framed)}
ENROL = "/v1/enrol"
# POST, endpoint: {csr} -> {certificate}
CERTIFICATE = "/v1/certificate"
# GET, endpoint: /v1/consents/<id> -> {registered: bool}; content waits in the spool for true
CONSENTS = "/v1/consents"
# POST, service refine: {} -> {epochs: [{key_id, private, not_before_ms, not_after_ms}],
#   signing: {key_id, seed}}; logged before it answers
PROCESSOR_KEYS = "/v1/processor/keys"
# GET, anybody with a certificate: framed Signed KeySet, as bytes
KEYSET = "/v1/keyset"
# GET ?grant=&after=<cursor>&limit=, subscriber: {runs: [{run, kind, device, boot, activity, stream,
#   segment, first_batch, last_batch, records, bytes}], next: cursor, more: bool}
SEGMENTS = "/v1/segments"
# POST, subscriber: {grant, runs: [run]} -> application/octet-stream: for each run in the order
#   asked, its StoredPart datums (packed Avro), one behind the other, and nothing else
READ = "/v1/read"
# POST, subscriber: {grant, runs: [run]}, at most 1,000 -> {ranges: [{run, url, headers: {Range}}],
#   valid_s}: for bulk, presigned GETs of just those bytes, straight from the store; the signature
#   covers the range. A run that continues the range before it comes without url and headers. Same
#   rule and same log entry as READ. 404 `not_offered` where the store did not pass the probe of
#   presigned ranges: then READ is the only way
RANGES = "/v1/ranges"
# POST, subscriber: {grant, purpose, segments: [{header, wrap, person_key}]} ->
#   {keys: [{info (hex of segment_info), key} | {info, refused: code}]}; logged before it answers
RELEASE = "/v1/release"
# GET: {size, root (hex), signature, key_id}: signed head of the Merkle log (RFC 9162)
LOG_HEAD = "/v1/log/head"
# GET ?from=&to=: {entries: [{number, at_ms, kind, actor, grant, purpose, person, detail}]}
LOG_ENTRIES = "/v1/log/entries"
# POST {group, count} -> {tokens: [...]}: one-time enrolment tokens, each for a new pseudonym
TOKENS = "/v1/admin/tokens"
# POST {subscriber, purpose, cohort: [person] | ["group:<name>"], streams, not_before_ms,
#   not_after_ms} -> {grant, state: "requested"};
# POST /v1/admin/grants/<id>/approve {} by two operators who did not request it
# POST /v1/admin/grants/<id>/end {} by any operator -> {state: "ended"}; its feed goes with it
GRANTS = "/v1/admin/grants"
# POST {groups: [...]} each -> {beacon: number}
PAUSE = "/v1/admin/pause"
RESUME = "/v1/admin/resume"
# GET ?group= -> {capturing: n, not_capturing: n} (k >= 10, else {"fewer_than": 10})
FLEET = "/v1/admin/fleet"
# GET -> {ready: true}: everything the authority needs answers
READY = "/v1/ready"

# Codes of refusals.
NO_GRANT = "no_grant"
NOT_YOURS = "not_your_grant"
EXPIRED = "grant_expired"
NOT_APPROVED = "grant_not_approved"
PURPOSE = "purpose"
OUT_OF_COHORT = "out_of_cohort"
OUT_OF_SCOPE = "out_of_scope"
NO_CONSENT = "no_consent"
ERASED = "erased"
WRONG_IDENTITY = "wrong_identity"
BAD_TOKEN = "bad_token"  # noqa: S105 - a refusal's code
