/// Everything that is wrong with a configuration, one message each: what, where, which value, what is accepted.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    package var faults: [String]

    package init(_ faults: [String]) {
        self.faults = faults
    }

    package var description: String {
        faults.joined(separator: "\n")
    }
}
