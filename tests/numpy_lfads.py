"""LFADS written a second time as numpy loops over windows and bins, from the equations, to compare the model with."""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gru_step(x, h, W, U_zr, U_n, b):
    """One bin of one network: x (inputs,), h (hidden,)."""
    H = len(h)
    W_zr, W_n, b_zr, b_n = W[:, : 2 * H], W[:, 2 * H :], b[: 2 * H], b[2 * H :]
    zr = sigmoid(x @ W_zr + h @ U_zr + b_zr)
    z, r = zr[:H], zr[H:]
    n = np.tanh(x @ W_n + (r * h) @ U_n + b_n)
    return np.clip(z * h + (1 - z) * n, -5, 5)


def weights(model, member):
    """Weights of one member as float64 arrays, by name."""
    return {name: value[member].double().numpy() for name, value in model.state_dict().items()}


def gru(w, name, direction=None):
    pick = slice(None) if direction is None else direction
    return [w[f"{name}.{leaf}"][pick] for leaf in ("W", "U_zr", "U_n")] + [w[f"{name}.b"][pick][0]]


def encode_direction(x, w, name, direction):
    h, states = w[f"{name}.h0"][direction][0], []
    for x_t in x if direction == 0 else x[::-1]:
        h = gru_step(x_t, h, *gru(w, f"{name}.gru", direction))
        states.append(h)
    return np.array(states if direction == 0 else states[::-1])


def run(model, member, x, ic_noise, input_noise, ones):
    """Run one window x (T, N) of one member; ``ones`` holds the dropout masks. Returns a dict of arrays."""
    w, s, T = weights(model, member), model.sizes, len(x)
    fwd, bwd = (encode_direction(x, w, "ic_encoder", d) for d in (0, 1))
    state = np.concatenate([fwd[-1], bwd[0]]) * ones["ic_state"]
    posterior = state @ w["ic_posterior.weight"] + w["ic_posterior.bias"][0]
    ic_mean, log_variance = posterior[: s.initial_condition], posterior[s.initial_condition :]
    ic_sd = np.sqrt(np.exp(log_variance) + 1e-4)
    g = (ic_mean + ic_sd * ic_noise) @ w["ic_to_generator.weight"] + w["ic_to_generator.bias"][0]
    Wn = w["factors"] / np.linalg.norm(w["factors"], axis=1, keepdims=True)
    f = Wn @ (g * ones["generator"][0])
    if s.inputs:
        fwd, bwd = (encode_direction(x, w, "ci_encoder", d) for d in (0, 1))
        c = w["controller_start"][0]
    out = {name: [] for name in ("factors", "readout", "input_mean", "input_sd", "input_sample", "controller_input")}
    for t in range(T):
        u = np.zeros(0)
        if s.inputs:
            before = fwd[t - 1] if t > 0 else np.zeros(s.ci_encoder)
            after = bwd[t + 1] if t + 1 < T else np.zeros(s.ci_encoder)
            ci = np.concatenate([before, after]) * ones["controller_input"][t]
            c = gru_step(np.concatenate([ci, f * ones["factors"][t]]), c, *gru(w, "controller"))
            posterior = c @ w["input_posterior.weight"] + w["input_posterior.bias"][0]
            u_mean, u_sd = posterior[: s.inputs], np.exp(posterior[s.inputs :] / 2)
            u = u_mean + u_sd * input_noise[t]
            for name, value in zip(
                ("input_mean", "input_sd", "input_sample", "controller_input"), (u_mean, u_sd, u, ci), strict=True
            ):
                out[name].append(value)
        g = gru_step(u, g, *gru(w, "generator"))
        f = Wn @ (g * ones["generator"][t + 1])
        out["factors"].append(f)
        out["readout"].append(f @ w["readout.weight"] + w["readout.bias"][0])
    return {name: np.array(value) for name, value in out.items()} | {"ic_mean": ic_mean, "ic_sd": ic_sd}
