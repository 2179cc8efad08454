/// One measurement.
///
/// Pure.
package struct MetricSample: Codable, Equatable, Sendable {
    /// The name of its ``MetricFamily``.
    package var name: String
    /// In the order of the family.
    package var labels: [String]?
    package var value: Double?
    /// Instead of a value.
    package var histogram: Histogram?

    /// - Precondition: as many labels as the family has.
    package init(_ family: MetricFamily, _ value: some BinaryInteger, _ labels: String...) {
        self.init(family, Double(value), labels, nil)
    }

    package init(_ family: MetricFamily, seconds value: Double, _ labels: String...) {
        self.init(family, value, labels, nil)
    }

    package init(_ family: MetricFamily, _ histogram: Histogram) {
        self.init(family, nil, [], histogram)
    }

    private init(_ family: MetricFamily, _ value: Double?, _ labels: [String], _ histogram: Histogram?) {
        precondition(labels.count == family.labels.count, "\(family.name) has the labels \(family.labels)")
        name = family.name
        self.labels = labels.isEmpty ? nil : labels
        self.value = value
        self.histogram = histogram
    }
}

extension [MetricSample] {
    /// The value of a family's sample with these labels.
    package func value(_ family: MetricFamily, _ labels: String...) -> Double? {
        first { $0.name == family.name && ($0.labels ?? []) == labels }?.value
    }

    package func histogram(_ family: MetricFamily) -> Histogram? {
        first { $0.name == family.name }?.histogram
    }
}
