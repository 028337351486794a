"""Models and results of statsmodels: regression, generalised linear, discrete, smoothing.

Enumerated from statsmodels 0.15 by class: results and models are made empty and take their
attributes from a dict; a wrapper's `__setstate__` updates `__dict__`. The data of a model that
was made by a formula evaluate it while loading, so that formula is checked. State space models
are left out: their compiled parts believe what their state says of shapes.
"""

from typing import Final

from scanner.pickles import formulas, shapes
from scanner.pickles.allowlist import Entry

_OBJECTS: Final = """
    statsmodels.base.model:LikelihoodModelResults
    statsmodels.discrete.discrete_model:BinaryResults,BinaryResultsWrapper,CountResults
    statsmodels.discrete.discrete_model:CountResultsWrapper,DiscreteResults,GeneralizedPoisson
    statsmodels.discrete.discrete_model:GeneralizedPoissonResults
    statsmodels.discrete.discrete_model:GeneralizedPoissonResultsWrapper,L1BinaryResults
    statsmodels.discrete.discrete_model:L1BinaryResultsWrapper,L1CountResults
    statsmodels.discrete.discrete_model:L1CountResultsWrapper,L1MultinomialResults
    statsmodels.discrete.discrete_model:L1MultinomialResultsWrapper,L1PoissonResults
    statsmodels.discrete.discrete_model:L1PoissonResultsWrapper,Logit,LogitResults,MNLogit
    statsmodels.discrete.discrete_model:MultinomialResults,MultinomialResultsWrapper
    statsmodels.discrete.discrete_model:Poisson,PoissonResults,PoissonResultsWrapper,Probit
    statsmodels.discrete.discrete_model:ProbitResults
    statsmodels.distributions.empirical_distribution:ECDF,StepFunction
    statsmodels.genmod.cov_struct:Autoregressive,Exchangeable,Independence,Nested,Unstructured
    statsmodels.genmod.families.family:Binomial,Family,Gamma,Gaussian,InverseGaussian
    statsmodels.genmod.families.family:NegativeBinomial,Poisson,Tweedie
    statsmodels.genmod.families.links:CDFLink,CLogLog,Cauchy,Identity,InversePower
    statsmodels.genmod.families.links:InverseSquared,Link,Log,LogC,LogLog,Logit,NegativeBinomial
    statsmodels.genmod.families.links:Power,Probit,Sqrt,cauchy,cloglog,identity,inverse_power
    statsmodels.genmod.families.links:inverse_squared,log,logit,loglog,nbinom,probit,sqrt
    statsmodels.genmod.families.varfuncs:Binomial,NegativeBinomial,Power,VarianceFunction
    statsmodels.genmod.generalized_estimating_equations:GEE,GEEResults,GEEResultsWrapper
    statsmodels.genmod.generalized_linear_model:GLM,GLMResults,GLMResultsWrapper
    statsmodels.nonparametric.kde:KDEUnivariate
    statsmodels.regression.linear_model:GLS,GLSAR,OLS,OLSResults,RegressionModel
    statsmodels.regression.linear_model:RegressionResults,RegressionResultsWrapper,WLS
    statsmodels.regression.mixed_linear_model:MixedLM,MixedLMParams,MixedLMResults
    statsmodels.regression.mixed_linear_model:MixedLMResultsWrapper,VCSpec
    statsmodels.regression.quantile_regression:QuantReg,QuantRegResults
    statsmodels.robust.norms:AndrewWave,Hampel,HuberT,LeastSquares,RamsayE,RobustNorm
    statsmodels.robust.norms:TrimmedMean,TukeyBiweight
    statsmodels.robust.robust_linear_model:RLM,RLMResults,RLMResultsWrapper
    statsmodels.tsa.ar_model:AutoReg,AutoRegResults,AutoRegResultsWrapper
    statsmodels.tsa.base.tsa_model:TimeSeriesModel,TimeSeriesModelResults
    statsmodels.tsa.base.tsa_model:TimeSeriesResultsWrapper
    statsmodels.tsa.deterministic:DeterministicProcess,Fourier,Seasonality,TimeTrend
    statsmodels.tsa.holtwinters.model:ExponentialSmoothing,Holt,SimpleExpSmoothing
    statsmodels.tsa.holtwinters.results:HoltWintersResults,HoltWintersResultsWrapper
    statsmodels.tsa.seasonal._seasonal:DecomposeResult statsmodels.tsa.seasonal:DecomposeResult
    statsmodels.tsa.vector_ar.var_model:VAR,VARProcess,VARResults,VARResultsWrapper
    scipy.optimize._lbfgsb_py:LbfgsInvHessProduct scipy.optimize.lbfgsb:LbfgsInvHessProduct
    """

ENTRIES: Final = (
    (
        _OBJECTS,
        Entry(
            "holds attributes: made empty, they and its description are set from a dict",
            new=shapes.nothing,
            state=shapes.documented,
        ),
    ),
    (
        "statsmodels.base.data:ModelData,PandasData,PatsyData",
        Entry(
            "holds a model's data; a formula that it evaluates is names and arithmetic",
            new=shapes.nothing,
            state=formulas.state,
        ),
    ),
)
"""Fitted models as data."""
