import Platform

/// The checks of the machine before a service listens.
package enum MachineCheck {
    /// Address space that a service uses besides its frames: program, thread stacks, group buffer.
    private static let otherBytes = 64 << 20

    /// Checks the clock and the limits of the process, and raises the limit on open files.
    ///
    /// Blocks until the threads that it starts as a test have ended.
    ///
    /// - Parameters:
    ///   - threads: the number of threads that the service will start, event loops included.
    ///   - bufferBytes: memory for frames; nil if the service has no such budget.
    /// - Returns: the number of connections for which there are descriptors.
    /// - Throws: ``ClockError``, ``ResourceLimitError``; ``ConfigurationError`` if the budget does not fit the address
    ///   space.
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
