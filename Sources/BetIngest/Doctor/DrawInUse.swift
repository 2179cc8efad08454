import Shared

/// Finds out whether a native server has a draw that the doctor would disturb.
struct DrawInUse {
    let address: Endpoint
    let winnersAddress: Endpoint
    let agencies: Int
    let patience: Duration

    /// Asks the port for winners first, where a question disturbs nobody, then says HELLO as each agency and reads what is
    /// recorded of it.
    ///
    /// Blocks for as long as each answer may take. A HELLO takes over from the agency's own connection, so it stops at the
    /// first answer that tells.
    ///
    /// - Returns: what is going on there; nil if nothing is recorded.
    /// - Throws: ``DoctorError`` if a port cannot be reached.
    func find() throws(DoctorError) -> String? {
        switch try answer(from: winnersAddress, agency: 1, [.consultWinners(waitMilliseconds: 0)], skipping: 1) {
        case .winners?: return "its draw is published"
        case .notDrawnYet(let state)? where state.finishedAgencies > 0:
            return "\(state.finishedAgencies) of its \(state.expectedAgencies) agencies have finished"
        default: break
        }
        for agency in 1...agencies {
            guard case .welcome(let welcome)? = try answer(from: address, agency: agency, [], skipping: 0),
                welcome.nextSequence > 1
            else { continue }
            let chunks = welcome.nextSequence - 1
            return "it has recorded \(chunks) \(chunks == 1 ? "chunk" : "chunks") of agency \(agency)"
        }
        return nil
    }

    /// Says HELLO and more, and reads one answer.
    ///
    /// - Parameter skipping: answers before the one that is wanted.
    /// - Returns: nil if none comes in time.
    private func answer(
        from endpoint: Endpoint, agency: Int, _ messages: [Message], skipping: Int
    ) throws(DoctorError) -> Message? {
        let socket = try DoctorSocket(endpoint)
        let hello = Message.hello(Hello(agency: AgencyID(UInt32(agency))))
        for message in [hello] + messages { socket.send(message.encoded) }
        let deadline = ContinuousClock.now + patience
        var received: [UInt8] = []
        var left = skipping
        while true {
            while let range = received.countedRange {
                let frame = Array(received[range])
                received.removeFirst(range.upperBound)
                if left == 0 { return try? Message(frame: frame) }
                left -= 1
            }
            guard ContinuousClock.now < deadline, case .bytes(let bytes) = socket.receive(within: deadline - .now)
            else { return nil }
            received += bytes
        }
    }
}
