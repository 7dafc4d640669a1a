//! Even and odd functions.

/// Whether $\varphi(-x)$ is $\varphi(x)$, $-\varphi(x)$, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// $\varphi(-x) = \varphi(x)$.
    Even,
    /// $\varphi(-x) = -\varphi(x)$.
    Odd,
    /// Neither, or not known.
    Neither,
}

impl Parity {
    /// The parity of $\varphi^\prime$.
    pub fn of_derivative(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
            Self::Neither => Self::Neither,
        }
    }
}
