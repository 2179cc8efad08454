package import Domain
private import Logging

/// The lines about who may enter: denied peers, roster and certificates.
extension LogEvent {
    /// A peer may not speak for the agency.
    package static func denied(_ agency: AgencyID?, peer: String, reason: String) -> LogEvent {
        LogEvent(
            "authorize", "fail",
            (agency.map { [("agency", .number(Int($0.rawValue)))] } ?? [])
                + [("peer", .text(peer)), ("error", .text(reason))],
            level: .warning, isRepeatable: true)
    }

    package static func rosterChanged(_ change: String) -> LogEvent {
        LogEvent("read_roster", "success", [("change", .text(change))])
    }

    /// The roster before it stays in use.
    package static func rosterFaulty(reason: String) -> LogEvent {
        LogEvent(
            "read_roster", "fail", [("error", .text("\(reason); the roster before it stays in use"))], level: .error)
    }

    package static func noRoster(address: String) -> LogEvent {
        LogEvent(
            "read_roster", "fail",
            [
                ("address", .text(address)),
                (
                    "error",
                    .text(
                        "there is no roster: any peer that reaches this address may send, finish and consult for any agency"
                    )
                ),
            ], level: .warning)
    }

    /// The certificate in use; a WARNING when it ends soon.
    package static func certificate(until end: Instant, days: Int, endsSoon: Bool) -> LogEvent {
        let fields: [(String, Value)] = [("until", .text("\(end)")), ("days", .number(days))]
        let advice = [("error", Value.text("it ends soon; renew it: bet-ingest pki renew"))]
        return LogEvent(
            "load_certificate", "success", fields + (endsSoon ? advice : []), level: endsSoon ? .warning : .info)
    }

    /// The certificate before it stays in use.
    package static func certificateFaulty(reason: String) -> LogEvent {
        LogEvent(
            "load_certificate", "fail",
            [("error", .text("\(reason); the certificate before it stays in use"))], level: .error)
    }
}
