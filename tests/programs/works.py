"""Programs of kinds that people publish in JAX, each written anew at a size at which a test can run it.

What is taken of a source is the kind of computation: which loops, solvers, choices, derivatives and random numbers it
is made of. A program gives a number or a tuple of arrays.
"""

from __future__ import annotations

from . import works_of_learning as learning
from . import works_of_science as science
from .records import Work

WORKS: tuple[Work, ...] = (
    Work("kalman", "probml/dynamax, dynamax/linear_gaussian_ssm/inference.py", "Kalman filter", science.kalman),
    Work(
        "hidden markov",
        "probml/dynamax, dynamax/hidden_markov_model/inference.py",
        "hidden Markov model",
        science.hidden_markov,
    ),
    Work("gaussian process", "JaxGaussianProcesses/GPJax, gpjax/gps.py", "Gaussian process", science.gaussian_process),
    Work("hamiltonian", "blackjax-devs/blackjax, blackjax/mcmc/hmc.py", "Hamiltonian Monte Carlo", science.hamiltonian),
    Work("transport", "ott-jax/ott, src/ott/solvers/linear/sinkhorn.py", "optimal transport", science.transport),
    Work("autoencoder", "jax-ml/jax, examples/mnist_vae.py", "variational autoencoder", learning.autoencoder),
    Work("adversaries", "ahmedalesh/DCGAN-Jax, main.py", "adversarial networks", learning.adversaries, stopped=True),
    Work("meta-learning", "EdanToledo/JAX-MAML, maml.py", "learning through gradient steps", learning.meta_learning),
    Work("flow", "ChrisWaites/jax-flows", "normalizing flow", learning.flow),
    Work("long short memory", "google/flax, flax/nnx/nn/recurrent.py", "recurrent network", learning.long_short_memory),
    Work("graph network", "google-deepmind/jraph, jraph/_src/models.py", "graph attention", learning.graph_network),
    Work(
        "linear attention",
        "google-research/google-research, performer/fast_attention/jax/fast_attention.py",
        "attention by random features",
        learning.linear_attention,
    ),
    Work(
        "experts", "google/flaxformer, flaxformer/architectures/moe/routing.py", "mixture of experts", learning.experts
    ),
    Work("state space", "srush/annotated-s4, s4/s4d.py", "state space layer", learning.state_space),
    Work("contrast", "google-deepmind/optax, optax/losses/_self_supervised.py", "contrastive loss", learning.contrast),
    Work("denoising", "TomMakkink/diffusion-jax, diffusion/ddpm/ddpm.py", "diffusion model", learning.denoising),
    Work("burgers", "opifex, examples/pinns/burgers (documentation)", "equation in a loss", science.burgers),
    Work(
        "neural equation",
        "patrick-kidger/diffrax, examples/neural_ode.ipynb",
        "neural differential equation",
        science.neural_equation,
    ),
    Work("molecules", "jax-md/jax-md, jax_md/energy.py", "molecular dynamics", science.molecules),
    Work("turbulence", "google/jax-cfd, jax_cfd/spectral/equations.py", "spectral fluid solver", science.turbulence),
    Work("rays", "google-research/self-organising-systems, notebooks/jax_raycast.ipynb", "ray marcher", science.rays),
    Work("circuit", "tencent-quantum-lab/tensorcircuit", "quantum circuit", science.circuit),
    Work("poses", "brentyi/jaxlie, jaxlie/_so3.py", "rotations of a pose graph", science.poses),
    Work("returns", "google-deepmind/rlax, rlax/_src/vtrace.py", "actor and critic", science.returns, stopped=True),
)
