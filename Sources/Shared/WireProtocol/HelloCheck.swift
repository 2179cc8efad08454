package import Domain

extension Hello {
    /// Why this HELLO is refused, on either port; nil where it is welcome.
    ///
    /// - Parameters:
    ///   - draw: the service's current draw.
    ///   - agencies: how many there are, numbered from 1.
    package func fault(draw: DrawID, agencies: UInt32) -> (ErrorCode, String)? {
        guard Message.versions.contains(version) else {
            let versions = "\(Message.versions.lowerBound) and \(Message.versions.upperBound)"
            return (.unsupportedVersion, "version \(version) of the protocol; this service speaks \(versions)")
        }
        if let fault = agency.fault(agencies: agencies) { return (.unknownAgency, fault) }
        guard self.draw.isEmpty || self.draw == draw.name else {
            return (.unknownDraw, "draw \(self.draw); the current draw is \(draw)")
        }
        guard token.isEmpty else {
            return (.tokenNotAccepted, "a token; this service asks for none and cannot check it")
        }
        return nil
    }
}
