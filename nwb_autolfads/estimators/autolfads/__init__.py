"""AutoLFADS: a population of LFADS models (`estimator`), and the second step that corrects what they predict."""
