//! How sure a network is: stochastic heads, sampling, densities.
