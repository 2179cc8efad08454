package import Domain
package import WireProtocol

/// The reason to reject a HELLO, on either port.
package enum EntryFault: Error, Equatable, Sendable {
    /// The peer may know the reason.
    case invalid(ErrorCode, String)
    /// The reason is for the operator: answers do not tell an unknown agency from a wrong key.
    case denied(reason: String)

    /// The answer to a denied peer.
    package static let answer = "this peer may not speak for this agency"
}

extension AgencyGate {
    /// Checks version, token and agency of a HELLO, before anything is said about draws.
    ///
    /// - Returns: nil without a roster.
    package func admit(_ hello: Hello, from peer: Peer, on today: Birthdate) throws(EntryFault) -> Pass? {
        guard Message.versions.contains(hello.version) else {
            let versions = "\(Message.versions.lowerBound) to \(Message.versions.upperBound)"
            throw .invalid(
                .unsupportedVersion, "protocol version \(hello.version); this service supports \(versions)")
        }
        if !hello.token.isEmpty {
            guard hasRoster else {
                throw .invalid(
                    .tokenNotAccepted, "the token must be empty; this service has no roster and cannot check tokens")
            }
            guard peer.isPrivate else {
                throw .invalid(
                    .tokenNotAccepted,
                    "a token is accepted over TLS or from the same machine: on this connection others could read it")
            }
        }
        do throws(Denial) {
            return try admit(hello.agency, Proof(peer, token: hello.token), on: today)
        } catch {
            throw .denied(reason: error.reason)
        }
    }
}
