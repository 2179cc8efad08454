import Domain

extension Hello {
    /// The reason to reject this HELLO on either port, whatever its draw is; nil if it is valid.
    package var fault: (ErrorCode, String)? {
        guard Message.versions.contains(version) else {
            let versions = "\(Message.versions.lowerBound) to \(Message.versions.upperBound)"
            return (.unsupportedVersion, "protocol version \(version); this service supports \(versions)")
        }
        guard token.isEmpty else {
            return (.tokenNotAccepted, "the token must be empty; this service cannot check tokens")
        }
        return nil
    }
}
