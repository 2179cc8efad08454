import Platform

/// What a service asks of its machine before it listens.
package enum MachineCheck {
    /// Address space that a service takes besides its frames: program, thread stacks, group buffer.
    private static let otherBytes = 64 << 20

    /// Checks the clock and the limits of the process, and raises that on open files.
    ///
    /// Blocks until the threads that it tries have ended.
    ///
    /// - Parameters:
    ///   - threads: how many the service will start, event loops included.
    ///   - bufferBytes: memory for frames; nil if the service has no such budget.
    /// - Returns: the connections that there are descriptors for.
    /// - Throws: ``ClockError``, ``ResourceLimitError``; ``ConfigurationError`` for a budget that the address space has no
    ///   room for.
    package static func run(threads: Int, bufferBytes: Int? = nil) throws -> Int {
        try ProgramVersion.checkClock()
        if let bufferBytes, let limit = ResourceLimits.addressSpaceBytes, limit < bufferBytes + otherBytes {
            throw ConfigurationError([
                "ingest.bufferBytes is \(bufferBytes) and the limit on address space is \(limit) bytes (ulimit -v): "
                    + "\(bufferBytes + otherBytes) are needed; raise the limit or lower ingest.bufferBytes"
            ])
        }
        let maxConnections = try DescriptorLimit.raise()
        try ResourceLimits.checkThreads(threads)
        return maxConnections
    }
}
