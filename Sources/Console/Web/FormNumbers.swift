import NIOConcurrencyHelpers

/// The numbers of forms that were sent: each form has a number of its own and is carried out once.
///
/// So a double click, or a page that is loaded again, gives no second command.
///
/// Isolation: any thread; its lock.
final class FormNumbers: Sendable {
    private struct State {
        var sent: [String] = []
    }

    private static let maxKept = 1000

    private let state = NIOLockedValueBox(State())

    /// The number of a new form.
    static func make() -> String {
        String(UInt64.random(in: .min ... .max), radix: 16)
    }

    /// Forgets a form that did nothing.
    func forget(_ number: String) {
        state.withLockedValue { state in state.sent.removeAll { $0 == number } }
    }

    /// Records that a form was sent; false if it was before, or has no number.
    func admit(_ number: String) -> Bool {
        state.withLockedValue { state in
            guard !number.isEmpty, !state.sent.contains(number) else { return false }
            state.sent.append(number)
            if state.sent.count > Self.maxKept { state.sent.removeFirst() }
            return true
        }
    }
}
