/// All faults of a configuration, each as one message with source, key, value and accepted values.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    package var faults: [String]

    package init(_ faults: [String]) {
        self.faults = faults
    }

    package var description: String {
        faults.joined(separator: "\n")
    }
}
