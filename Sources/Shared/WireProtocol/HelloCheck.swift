package import Domain

extension Hello {
    /// Returns the reason to reject this HELLO, on either port; nil if it is valid.
    package func fault(draw: DrawID, agencies: UInt32) -> (ErrorCode, String)? {
        guard Message.versions.contains(version) else {
            let versions = "\(Message.versions.lowerBound) and \(Message.versions.upperBound)"
            return (.unsupportedVersion, "protocol version \(version); this service supports \(versions)")
        }
        if let fault = agency.fault(agencies: agencies) { return (.unknownAgency, fault) }
        guard self.draw.isEmpty || self.draw == draw.name else {
            return (.unknownDraw, "the current draw is \(draw), not \(self.draw)")
        }
        guard token.isEmpty else {
            return (.tokenNotAccepted, "the token must be empty; this service cannot check tokens")
        }
        return nil
    }
}
